//! Claims a checkpoint directory for one run, so that no two runs write the same file.

use super::LAST;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The file that names the owner; locked while the run is alive.
const OWNER: &str = "owner";
/// Maximum length of an owner's name, in bytes.
const LONGEST_OWNER: u64 = 256;

/// Why a run cannot use a directory.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("{}: another run is writing its checkpoints there; give another directory", dir.display())]
    InUse { dir: PathBuf },
    #[error(
        "{}: holds the checkpoints of another run; give another directory, or --resume {} to \
         continue from them", dir.display(), dir.display()
    )]
    Occupied { dir: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A run's exclusive right to write checkpoints in a directory; released when dropped.
#[derive(Debug)]
pub struct CheckpointClaim {
    _lock: File,
}

impl CheckpointClaim {
    /// Claims a directory, which is created if missing. `owner` identifies the run; `resumes` means
    /// that it continues from the checkpoints there, regardless of the previous owner.
    ///
    /// # Errors
    /// If another run writes there, or has left checkpoints, or the directory cannot be written.
    pub fn take(dir: &Path, owner: &str, resumes: bool) -> Result<Self, ClaimError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            |source| ClaimError::Io { path, source }
        };
        fs::create_dir_all(dir).map_err(at(dir))?;
        let path = dir.join(OWNER);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(at(&path))?;
        // On a file system without locks, files of other runs are still detected.
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(ClaimError::InUse { dir: dir.into() });
        }
        let mut found = String::new();
        // An owner that is not UTF-8 is treated as unknown.
        let _ = Read::by_ref(&mut file).take(LONGEST_OWNER).read_to_string(&mut found);
        if dir.join(LAST).exists() && !resumes && found != owner {
            return Err(ClaimError::Occupied { dir: dir.into() });
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(at(&path))?;
        Ok(Self { _lock: file })
    }

    /// Claims the directory `name`, or the first free one with a number appended:
    /// `nntop-checkpoints`, `nntop-checkpoints-2`, …
    ///
    /// # Errors
    /// If none can be created or written.
    pub fn take_free(name: &Path, owner: &str) -> Result<(PathBuf, Self), ClaimError> {
        let mut dir = name.to_path_buf();
        for number in 2_u32.. {
            match Self::take(&dir, owner, false) {
                Ok(claim) => return Ok((dir, claim)),
                Err(ClaimError::InUse { .. } | ClaimError::Occupied { .. }) => {}
                Err(error) => return Err(error),
            }
            let mut numbered = name.as_os_str().to_owned();
            numbered.push(format!("-{number}"));
            dir = numbered.into();
        }
        Err(ClaimError::Occupied { dir })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_run_and_stays_claimed_if_it_has_checkpoints() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("kept");
        let first = CheckpointClaim::take(&place, "one", false).unwrap();
        for resumes in [false, true] {
            let second = CheckpointClaim::take(&place, "two", resumes);
            assert!(matches!(second, Err(ClaimError::InUse { .. })), "{second:?}");
        }
        drop(first);
        // Nothing was written there, so it is free again.
        drop(CheckpointClaim::take(&place, "two", false).unwrap());
        fs::write(place.join(LAST), b"x").unwrap();
        let third = CheckpointClaim::take(&place, "three", false);
        assert!(matches!(third, Err(ClaimError::Occupied { .. })), "{third:?}");
        drop(CheckpointClaim::take(&place, "two", false).unwrap());
        drop(CheckpointClaim::take(&place, "three", true).unwrap());
    }

    #[test]
    fn occupied_names_get_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("kept");
        let claims: Vec<_> = (0..3)
            .map(|run| CheckpointClaim::take_free(&name, &run.to_string()).unwrap())
            .collect();
        let names = claims.iter().map(|(dir, _)| dir.file_name().unwrap().to_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["kept", "kept-2", "kept-3"]);
    }
}
