//! Detects systemd's `KillUserProcesses`, which kills a user's processes at the last logout. A
//! session process leaves the process session of its login, which is enough on other systems;
//! logind kills by control group, so the run must be started in a scope of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories of systemd's configuration, in order of precedence.
const PLACES: [&str; 4] =
    ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// What happens to processes at logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logout {
    /// Logins are not managed by systemd.
    NoSystemd,
    /// They survive.
    Spared,
    /// They are killed, runs included.
    Killed,
    /// Systemd is running, but its configuration does not tell.
    Unknown,
}

impl Logout {
    /// Reads the configuration of the system under `root`.
    pub(super) fn read(root: &Path) -> Self {
        if !root.join("run/systemd/system").is_dir() {
            return Self::NoSystemd;
        }
        match setting(root) {
            Some(true) => Self::Killed,
            Some(false) => Self::Spared,
            None => Self::Unknown,
        }
    }

    /// Explanation, and the command that helps.
    pub(super) fn advice(self, lingers: bool) -> String {
        let scope = "systemd-run --user --scope nntop train --detach";
        match (self, lingers) {
            (Self::NoSystemd, _) => "no systemd: processes survive logout".into(),
            (Self::Spared, _) => "KillUserProcesses=no: processes survive logout".into(),
            (Self::Unknown, _) => format!(
                "not known; if runs end with your last login: `loginctl enable-linger`, then \
                 `{scope}`"
            ),
            (Self::Killed, true) => {
                format!("KillUserProcesses=yes: runs are killed, unless started by `{scope}`")
            }
            (Self::Killed, false) => format!(
                "KillUserProcesses=yes: runs are killed; `loginctl enable-linger` once, then start \
                 them by `{scope}`"
            ),
        }
    }
}

/// A warning when detaching from a run that logout would kill.
pub(super) fn warn_of_logout() -> Option<String> {
    let (logout, lingers) = here();
    (logout == Logout::Killed).then(|| logout.advice(lingers))
}

/// The behaviour of this system, and whether lingering is enabled for this user.
pub(super) fn here() -> (Logout, bool) {
    let root = Path::new("/");
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    (Logout::read(root), lingers(root, &user))
}

/// Whether lingering is enabled for this user.
fn lingers(root: &Path, user: &str) -> bool {
    !user.is_empty() && root.join("var/lib/systemd/linger").join(user).exists()
}

/// The effective setting: from the drop-ins by name, then from the main file, in which the
/// compiled-in default is a comment.
fn setting(root: &Path) -> Option<bool> {
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for place in PLACES {
        let Ok(entries) = fs::read_dir(root.join(place).join("logind.conf.d")) else { continue };
        for entry in
            entries.flatten().filter(|entry| entry.path().extension() == Some("conf".as_ref()))
        {
            // A file of the same name with higher precedence hides it.
            drop_ins.entry(entry.file_name()).or_insert_with(|| entry.path());
        }
    }
    let set = |path: &Path, key| fs::read_to_string(path).ok().and_then(|text| value(&text, key));
    let by_drop_in = drop_ins.values().rev().find_map(|path| set(path, "KillUserProcesses="));
    let main = PLACES.map(|place| root.join(place).join("logind.conf"));
    let main = main.iter().find(|path| path.exists());
    by_drop_in
        .or_else(|| set(main?, "KillUserProcesses="))
        .or_else(|| set(main?, "#KillUserProcesses="))
}

/// The last value of a key in a configuration file.
fn value(text: &str, key: &str) -> Option<bool> {
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix(key));
    match values.next_back()?.trim().to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_in_files_override_each_other_by_name() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(Logout::read(root), Logout::NoSystemd);
        fs::create_dir_all(root.join("run/systemd/system")).unwrap();
        assert_eq!(Logout::read(root), Logout::Unknown);
        write("usr/lib/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n");
        assert_eq!(Logout::read(root), Logout::Killed);
        write("etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\n");
        assert_eq!(Logout::read(root), Logout::Spared);
        write("etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n");
        assert_eq!(Logout::read(root), Logout::Killed);
        write("usr/lib/systemd/logind.conf.d/20-a.conf", "[Login]\nKillUserProcesses=off\n");
        assert_eq!(Logout::read(root), Logout::Spared);
        write("etc/systemd/logind.conf.d/10-b.conf", "[Login]\nKillUserProcesses=yes\n");
        assert_eq!(Logout::read(root), Logout::Spared, "20 comes after 10");
        write("etc/systemd/logind.conf.d/20-a.conf", "");
        assert_eq!(Logout::read(root), Logout::Killed, "the stronger 20 hides the other");
    }

    #[test]
    fn advice_depends_on_the_setting_and_lingering() {
        let root = tempfile::tempdir().unwrap();
        assert!(!lingers(root.path(), "ann"));
        fs::create_dir_all(root.path().join("var/lib/systemd/linger/ann")).unwrap();
        assert!(lingers(root.path(), "ann") && !lingers(root.path(), ""));
        assert!(Logout::Killed.advice(false).contains("loginctl enable-linger"));
        assert!(!Logout::Killed.advice(true).contains("loginctl"));
        assert!(Logout::Killed.advice(true).contains("systemd-run --user --scope"));
    }
}
