//! Everything that is printed, with names full of escape sequences, none of which may reach the
//! terminal.

use crate::small_data::small_data;
use crate::terminal::Start;
use nntop::model::Model;
use nntop::protocol::is_unprintable;
use nntop::session::{Home, STATE_DIR};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A name that sets the title of the terminal, sets a colour (C1), reverses the direction of
/// writing, and begins a new line.
const HOSTILE: &str = "x\u{1b}]0;PWNED\u{7}\u{9b}31m\u{202e}\r\n# forged";

/// Files and directories with hostile names and contents.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let data = small_data();
        for entry in fs::read_dir(data.path()).unwrap().flatten() {
            for dir in [place.data(), place.plain_data()] {
                fs::create_dir_all(&dir).unwrap();
                fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
            }
        }
        let class = HOSTILE.replace(['\r', '\n'], "");
        fs::write(place.data().join("classes.txt"), format!("{class}\none\ntwo\n")).unwrap();
        place
    }

    /// A path below the directory whose last component is hostile.
    fn hostile(&self, ending: &str) -> PathBuf {
        self.dir.path().join(format!("{HOSTILE}{ending}"))
    }

    fn data(&self) -> PathBuf {
        self.hostile("-data")
    }

    fn plain_data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn home(&self) -> Home {
        Home::at(&self.dir.path().join("state"))
    }

    fn nntop(&self, arguments: &[OsString]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
        command.args(arguments).env(STATE_DIR, self.dir.path().join("state"));
        // Here, because a run may write files to its working directory, such as checkpoints.
        command.current_dir(self.dir.path()).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for run in self.home().runs().unwrap_or_default() {
            if let Some(pid) = nntop::session::summarize(&run).pid {
                let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Checks that all lines are printable, and that none is the line that the name tries to forge.
#[track_caller]
fn check(what: &str, text: &str) {
    let raw = |c: char| is_unprintable(c) && c != '\n';
    assert!(!text.contains(raw), "{what} prints raw: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("# forged")), "{what} is forged: {text}");
}

/// Arguments by words, with paths instead of `{}`.
fn words(text: &str, paths: &[&Path]) -> Vec<OsString> {
    let mut paths = paths.iter();
    let word = |word: &str| match word {
        "{}" => paths.next().expect("a path for each {}").as_os_str().to_owned(),
        word => word.into(),
    };
    text.split_whitespace().map(word).collect()
}

/// Runs commands; each must print the hostile name in escaped form.
fn print(place: &Place, table: &[(&str, &[&Path])]) {
    for (what, paths) in table {
        let output = place.nntop(&words(what, paths));
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap_or_else(|_| panic!("{what}: no UTF-8"));
        check(what, &text);
        // The dashboard removes control characters.
        assert!(text.contains("]0;PWNED"), "{what} does not print the name: {text}");
    }
}

/// A model with hostile class names, as it could be published.
fn model(place: &Place) -> PathBuf {
    let file = place.dir.path().join("model.safetensors");
    let train = words(
        "train --headless --layers 64,3 --epochs 1 --batch 5 --data {} --save {}",
        &[&place.plain_data(), &file],
    );
    assert!(place.nntop(&train).status.success());
    let mut model = Model::load(&file).unwrap();
    model.classes = vec![HOSTILE.into(), "one".into(), "two".into()];
    model.save(&file).unwrap();
    file
}

/// A picture of 8×8 pixels, half dark, half light, with a hostile name.
fn picture(place: &Place) -> PathBuf {
    let path = place.hostile(".pgm");
    let pixels: Vec<u8> = (0..64).map(|at| if at < 32 { 0 } else { 255 }).collect();
    fs::write(&path, [b"P5 8 8 255\n".to_vec(), pixels].concat()).unwrap();
    path
}

#[test]
fn names_in_models_pictures_and_recipes_are_printed_escaped() {
    let place = Place::new();
    let (model, image) = (model(&place), picture(&place));
    let json = serde_json::to_string(HOSTILE).unwrap();
    let cost = place.file(
        "cost.json",
        &format!(r#"{{"sizes":[4,2],"weights":[[[1,2,3,4],[1,2,3,4]]],"biases":[[[1],[2]]],"cost":{json}}}"#),
    );
    let field = place.file("field.json", &format!("{{{json}:1}}"));
    let recipe = place.file("recipe.toml", &format!("cost = {json}\n"));
    let key = place.file("key.toml", &format!("{json} = 1\n"));
    let layers = place.file("layers.toml", &format!("layers = {json}\n"));
    let search = place.file("search.toml", &format!("[search]\n{json} = [1, 2]\n"));
    let values = place.file("values.toml", &format!("[search]\ncost = [{json}]\n"));
    let claims = place.file(
        "claims.json",
        &format!(r#"{{"event":"claim","id":{json},"claim":{json},"tolerance":{json}}}"#),
    );
    let copy = place.hostile(".safetensors");
    fs::copy(&model, &copy).unwrap();
    let (missing, data, plain) = (place.hostile("-missing"), place.data(), place.plain_data());
    let below = missing.join("file");
    print(
        &place,
        &[
            ("predict {} {}", &[&model, &image]),
            ("predict --json {} {}", &[&model, &image]),
            ("predict {} {}", &[&model, &missing]),
            ("predict {} {}", &[&copy, &missing]),
            ("read {} {}", &[&model, &missing]),
            ("read --json {} {}", &[&model, &image]),
            ("eval {} --data {}", &[&model, &plain]),
            ("eval --json {} --data {}", &[&model, &plain]),
            ("eval {} --data {}", &[&copy, &plain]),
            ("eval {} --data {}", &[&copy, &data]),
            ("eval {}", &[&cost]),
            ("eval {}", &[&missing]),
            ("eval {}", &[&recipe.with_file_name(format!("{HOSTILE}.json"))]),
            ("eval {} --data {}", &[&model, &missing]),
            ("browse {}", &[&missing]),
            ("ensemble {} {} {}", &[&copy, &model, &model]),
            ("ensemble {} {} {}", &[&below, &model, &model]),
            ("ensemble out.safetensors {} {}", &[&missing, &model]),
            ("train --headless --epochs 1 --spec {}", &[&recipe]),
            ("train --headless --epochs 1 --spec {}", &[&key]),
            ("train --headless --epochs 1 --spec {}", &[&layers]),
            ("train --headless --epochs 1 --spec {}", &[&missing]),
            ("train --headless --epochs 1 --save {}", &[&below]),
            ("train --headless --epochs 1 --resume {}", &[&missing]),
            ("train --headless --layers {}", &[Path::new(HOSTILE)]),
            ("train --headless --eta {}", &[Path::new(HOSTILE)]),
            ("train --headless --cost {}", &[Path::new(HOSTILE)]),
            ("train --headless --preset {}", &[Path::new(HOSTILE)]),
            ("train --headless --expand {}", &[Path::new(HOSTILE)]),
            ("train --detach --name {}", &[Path::new(HOSTILE)]),
            ("train {}", &[Path::new(HOSTILE)]),
            ("{}", &[Path::new(HOSTILE)]),
            ("search {}", &[&search]),
            ("search {}", &[&values]),
            ("search {}", &[&missing]),
            ("book --table {}", &[&claims]),
            ("book --table {}", &[&missing]),
            ("book {}", &[Path::new(HOSTILE)]),
            ("explore {}", &[Path::new(HOSTILE)]),
            ("picture --epochs 1 --train-size 10 --layers 784,10 {}", &[&below]),
            ("picture --size {} x.txt", &[Path::new(HOSTILE)]),
        ],
    );
    let output = place.nntop(&words("eval {}", &[&field]));
    check("eval of an unknown field", &String::from_utf8(output.stderr).unwrap());
}

#[test]
fn names_in_data_sets_are_printed_escaped_by_a_run_without_a_dashboard() {
    let place = Place::new();
    let (data, save) = (place.data(), place.hostile(".safetensors"));
    let recipe = "--layers 64,3 --batch 5 --epochs 1";
    let search = place.file(
        "search.toml",
        &format!(
            "layers = \"64,3\"\nepochs = 1\nbatch = 5\ndata = {}\n[search]\neta = [1.0]\n",
            serde_json::to_string(data.to_str().unwrap()).unwrap(),
        ),
    );
    print(
        &place,
        &[
            (&format!("train --headless {recipe} --data {{}} --save {{}}"), &[&data, &save]),
            (&format!("train --json {recipe} --data {{}} --save {{}}"), &[&data, &save]),
            (
                &format!(
                    "train --headless {recipe} --data {{}} --checkpoint-every 1 --checkpoints {{}}"
                ),
                &[&data, &place.hostile("-checkpoints")],
            ),
            (&format!("train --headless --ensemble 2 {recipe} --data {{}}"), &[&data]),
            ("search {}", &[&search]),
        ],
    );
    // On a terminal, with the progress bar: sequences that it executed would not be visible.
    let arguments = words(&format!("train --headless {recipe} --data {{}}"), &[&data]);
    let arguments: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap()).collect();
    let mut terminal = Start::nntop(&arguments).size(200, 50).spawn();
    terminal.wait_for(r"\u{1b}]0;PWNED\u{7}\u{9b}31m\u{202e}");
    terminal.wait_for_exit();
}

#[test]
fn names_in_the_records_of_runs_are_printed_escaped() {
    let place = Place::new();
    let data = place.data();
    let start = "train --detach --layers 64,3 --batch 5 --data {} --epochs";
    let detach = |name: &str, epochs: &str| {
        let output = place.nntop(&words(&format!("{start} {epochs} --name {name}"), &[&data]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place.home().find(name).unwrap()
    };
    detach("live", "1000000");
    let over = detach("over", "2");
    let started = Instant::now();
    while over.is_live() {
        assert!(started.elapsed() < Duration::from_secs(60), "the run ends");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Records as another user could have written them.
    let runs = place.home();
    let write = |name: &str, record: &serde_json::Value| {
        let dir = runs.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("spec.json"), record.to_string()).unwrap();
    };
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(over.spec()).unwrap()).unwrap();
    let mut layers = record.clone();
    layers["training"]["spec"]["layers"] = HOSTILE.into();
    write("layers", &layers);
    let mut newer = record.clone();
    (newer["format"], newer["nntop"]) = (99.into(), HOSTILE.into());
    write("newer", &newer);
    let mut book = record.clone();
    book.as_object_mut().unwrap().remove("training");
    book["experiment"] = serde_json::json!({ "id": HOSTILE, "quick": true, "seed": 1 });
    write("book", &book);
    let mut id = record.clone();
    id["id"] = HOSTILE.into();
    write("id", &id);
    let name = format!("{HOSTILE}-run");
    write(&name, &record);
    fs::write(runs.path().join(&name).join("log"), format!("{}\n", HOSTILE.replace("\r\n", " ")))
        .unwrap();
    let events = fs::read_to_string(over.events()).unwrap();
    let reported =
        serde_json::json!({ "at": 1.0, "event": { "Finished": { "Completed": HOSTILE } } });
    fs::write(runs.path().join(&name).join("events.jsonl"), format!("{events}{reported}\n"))
        .unwrap();
    let hostile = Path::new(&name);
    print(
        &place,
        &[
            ("ls", &[]),
            ("ls --json", &[]),
            ("logs {}", &[hostile]),
            ("logs live", &[]),
            ("attach --once {}", &[hostile]),
            ("attach {}", &[Path::new(HOSTILE)]),
            ("resume {}", &[hostile]),
            ("resume newer", &[]),
            ("resume book", &[]),
            ("pause {}", &[hostile]),
            ("stop {}", &[hostile]),
            ("save {}", &[hostile]),
            ("step {}", &[hostile]),
            ("rm --yes {}", &[Path::new(&format!("{HOSTILE}-none"))]),
        ],
    );
    for quiet in
        ["doctor", "doctor --json", "attach --once live", "resume layers", "resume id", "logs over"]
    {
        let output = place.nntop(&words(quiet, &[]));
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        check(quiet, &text);
    }
}
