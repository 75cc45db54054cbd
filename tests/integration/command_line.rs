//! The command line: help, completions, manual pages, aliases, suggestions, pictures.

use crate::small_data::small_data;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn nntop(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nntop"));
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    command
}

/// The output of a command that must succeed.
#[track_caller]
fn say(arguments: &str) -> String {
    let output = nntop(arguments).output().unwrap();
    assert!(output.status.success(), "nntop {arguments}\n{}", err(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The error of a command with wrong arguments.
#[track_caller]
fn refuse(arguments: &str) -> String {
    let output = nntop(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "nntop {arguments}");
    err(&output)
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = say(&format!("completions {shell}"));
        let values: &[&str] = match shell {
            "bash" | "zsh" | "fish" => &["cross-entropy", "truecolor"],
            // Their scripts contain no values of options.
            _ => &[],
        };
        for word in ["train", "export", "wait", "learning-rate", "hidden"].iter().chain(values) {
            assert!(script.contains(word), "{word} in the completions of {shell}");
        }
    }
    assert!(refuse("completions bsh").contains("bash"));
}

#[test]
fn bash_completions_work() {
    if !Path::new("/bin/bash").exists() {
        return eprintln!("skipped: bash is not installed");
    }
    let script = say("completions bash");
    let typed = "COMP_WORDS=(nntop train --activation s); COMP_CWORD=3; \
                 _nntop nntop s --activation; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("/bin/bash")
        .args(["--norc", "-c", &format!("{script}\n{typed}")])
        .output()
        .unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains("sigmoid"), "{found} {}", err_of(&output.stderr));
}

fn err_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let page = say("man");
    assert!(
        page.contains(".TH nntop 1") && page.contains("EXTRA") || page.contains(".SH"),
        "{page}"
    );
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man1");
    say(&format!("man {}", pages.display()));
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    assert!(page("nntop-train.1").contains("Learning rate"), "{}", page("nntop-train.1"));
    assert!(page("nntop-wait.1").contains("exit"));
    let help = say("--help");
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    for line in commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            assert!(pages.join(format!("nntop-{name}.1")).exists(), "no page of {name}");
        }
    }
}

#[test]
fn the_help_of_train_has_examples_and_groups() {
    let help = say("train --help");
    for part in [
        "Examples:",
        "Network:",
        "Learning:",
        "Regularization:",
        "Data:",
        "Session:",
        "--lr",
        "--learning-rate",
        "--hidden",
    ] {
        assert!(help.contains(part), "{part} in\n{help}");
    }
    // Every example is a valid command.
    let examples = help.split("Examples:").nth(1).unwrap();
    for line in examples.lines().filter(|line| line.contains("nntop ")) {
        let command = line.split(['#', '>', '|']).next().unwrap().trim();
        let arguments = command.strip_prefix("nntop ").unwrap();
        // With an unknown argument at the end, everything before it is parsed, but nothing is run.
        let error = refuse(&format!("{arguments} --no-such-argument"));
        assert!(error.contains("--no-such-argument"), "{command}: {error}");
    }
}

#[test]
fn common_aliases_are_accepted() {
    let data = small_data();
    let started = |arguments: &str| -> Value {
        let data = data.path().display();
        let text = say(&format!("train --json --epochs 1 --data {data} {arguments}"));
        serde_json::from_str(text.lines().next().unwrap()).unwrap()
    };
    assert_eq!(started("--lr 0.5")["learning_rate"], 0.5);
    assert_eq!(started("--learning-rate 0.25")["learning_rate"], 0.25);
    assert_eq!(started("--hidden 20")["network"], "64,20,3");
    assert_eq!(started("--hidden 20,8 --batch-size 5")["network"], "64,20,8,3");
    assert_eq!(started("--optimizer Adam --lr 0.01")["optimizer"], "adam");
    assert_eq!(started("--activation ReLU --init SCALED")["activation"], "relu");
    assert_eq!(started("--regularizer L2 --lambda 1")["regularizer"], "l2");
    assert!(refuse("train --hidden 20 --layers 784,30,10").contains("--layers"));
    assert!(refuse("train --hidden 0").contains("--hidden"));
}

#[test]
fn a_misspelt_value_gets_a_suggestion() {
    for (arguments, meant) in [
        ("train --activation sigmod", "sigmoid"),
        ("train --cost crossentropy", "cross-entropy"),
        ("train --optimizer adm", "adam"),
        ("train --init scale", "scaled"),
        ("train --preset fast9", "fast99"),
        ("train --color truecolour", "truecolor"),
        ("trian", "train"),
        ("train --learnig-rate 1", "--learning-rate"),
        ("train --epoch 3", "--epochs"),
    ] {
        let error = refuse(arguments);
        let tip = error.lines().find(|line| line.contains("tip:"));
        assert!(tip.is_some_and(|tip| tip.contains(meant)), "{arguments}: {error}");
    }
}

#[test]
fn costs_say_whether_they_include_the_regularization_term() {
    let data = small_data();
    let model = data.path().join("m.safetensors");
    let (data, model) = (data.path().display(), model.display());
    let regularized = format!("train --epochs 1 --data {data} --layers 64,12,3 --lambda 50");
    let text = say(&format!("{regularized} --headless --save {model}"));
    assert!(text.contains("costs with the regularization term"), "{text}");
    let plain = say(&format!("train --epochs 1 --data {data} --layers 64,12,3 --headless"));
    assert!(!plain.contains("regularization term"), "{plain}");
    let eval = say(&format!("eval {model} --data {data}"));
    assert!(eval.contains("costs without the regularization term"), "{eval}");
}

#[test]
fn header_and_json_contain_the_whole_recipe() {
    let data = small_data();
    let data = data.path().display();
    let recipe = "--activation tanh --init scaled --dropout 0.25 --lambda 0.5 --batch 7 --seed 11 \
                  --expand shifts,rotation:15 --lr 0.1 --momentum 0.5 --anneal --layers 64,12,3";
    let json = say(&format!("train --json --epochs 1 --data {data} {recipe}"));
    let started: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    for (field, value) in [
        ("activation", Value::from("tanh")),
        ("init", "scaled".into()),
        ("dropout", 0.25.into()),
        ("regularizer", "l2".into()),
        ("regularization", 0.5.into()),
        ("batch_size", 7.into()),
        ("seed", 11.into()),
        ("momentum", 0.5.into()),
        ("learning_rate", 0.1.into()),
        ("expand", vec!["shifts", "rotation:15"].into()),
        ("all_images", false.into()),
    ] {
        assert_eq!(started[field], value, "{field} in {started}");
    }
    let text = say(&format!("train --headless --epochs 1 --data {data} {recipe}"));
    let header: String = text.lines().take_while(|line| line.starts_with('#')).collect();
    for part in [
        "tanh activation",
        "scaled initial weights",
        "dropout 0.25",
        "regularizer l2, lambda 0.5",
        "mini-batch 7",
        "1 epoch ",
        "seed 11",
        "momentum 0.5",
        "expanded by shifts, rotation:15",
        "decreases linearly",
    ] {
        assert!(header.contains(part), "{part} in {header}");
    }
}

#[test]
fn the_extension_of_a_picture_selects_its_format() {
    let dir = small_data();
    let draw = |file: &str| {
        let mut command = nntop("picture --epochs 1 --layers 64,12,3 --size 80x24 --data");
        command.arg(dir.path()).arg(dir.path().join(file)).env("LANG", "C.UTF-8").output().unwrap()
    };
    for file in ["out.jpg", "out", "out.pdf", "out.png.old"] {
        let output = draw(file);
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert!(err(&output).contains(".png, .svg or .txt"), "{}", err(&output));
        assert!(!dir.path().join(file).exists(), "{file} was written");
    }
    let output = draw("out.png");
    assert!(output.status.success(), "{}", err(&output));
    let picture = image::open(dir.path().join("out.png")).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (2 * (80 * 9 + 24), 2 * (24 * 18 + 24)));
    let colours: std::collections::HashSet<_> = picture.pixels().collect();
    assert!(colours.len() > 50, "{} colours", colours.len());
    assert!(draw("out.svg").status.success());
    assert!(fs::read_to_string(dir.path().join("out.svg")).unwrap().starts_with("<svg"));
    // Text shows everything without colours: digits and weights are not solid blocks.
    assert!(draw("out.txt").status.success());
    let text = fs::read_to_string(dir.path().join("out.txt")).unwrap();
    assert!(!text.contains('▀'), "{text}");
    assert!(text.contains('▒') || text.contains('░'), "{text}");
}

#[test]
fn a_model_is_not_saved_with_a_foreign_extension() {
    let dir = small_data();
    for file in ["x.txt", "x.png", "x.ckpt", "x.safetensors.bak"] {
        let file = dir.path().join(file);
        let save = format!("train --epochs 1 --data {} --save", dir.path().display());
        let output = nntop(&save).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", file.display());
        assert!(err(&output).contains(".safetensors or .json"), "{}", err(&output));
        assert!(!file.exists(), "{} was written", file.display());
    }
    assert!(refuse("ensemble x.txt a.safetensors").contains(".safetensors or .json"));
}

#[test]
fn predict_with_several_digits_suggests_read() {
    let dir = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/reader.safetensors");
    // Test images in a row, each in a frame of 40 pixels.
    let mnist = nntop::data::Dataset::embedded().test;
    let row = |count: usize| {
        let mut pixels = vec![255_u8; 40 * count * 40];
        for index in 0..count {
            for (at, ink) in mnist.image(index).iter().enumerate() {
                let (x, y) = (index * 40 + 6 + at % 28, 6 + at / 28);
                pixels[y * 40 * count + x] = 255 - ink;
            }
        }
        let file = dir.path().join(format!("{count}.pgm"));
        fs::write(&file, [format!("P5 {} 40 255 ", 40 * count).as_bytes(), &pixels].concat())
            .unwrap();
        file
    };
    let predict = |file: &Path| nntop("predict").arg(&model).arg(file).output().unwrap();
    let five = row(5);
    let output = predict(&five);
    assert!(output.status.success(), "{}", err(&output));
    assert!(err(&output).contains("nntop read"), "{}", err(&output));
    assert!(err(&output).contains(" digits"), "{}", err(&output));
    let output = predict(&row(1));
    assert_eq!(err(&output), "", "one digit is one digit");
}

#[test]
fn doctor_gives_advice_for_the_terminal() {
    let doctor = |variables: &[(&str, &str)]| {
        let mut command = nntop("doctor");
        for name in ["COLORTERM", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR"] {
            command.env_remove(name);
        }
        let output = command.envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |text: &str, title: &str| {
        text.lines().find(|line| line.contains(title)).unwrap().to_string()
    };
    let console = doctor(&[("TERM", "linux"), ("LANG", "C.UTF-8")]);
    let utf8 = line(&console, "UTF-8 ");
    assert!(!utf8.contains("LANG=C.UTF-8") && utf8.contains("TERM=linux"), "{utf8}");
    let plain = doctor(&[("TERM", "xterm"), ("LANG", "C")]);
    assert!(line(&plain, "UTF-8 ").contains("LANG=C.UTF-8"), "{plain}");
    let tmux = line(&doctor(&[("TERM", "tmux-256color")]), "colours");
    for part in ["COLORTERM", "tmux", "terminal-features", "ssh", "SendEnv", "--color truecolor"] {
        assert!(tmux.contains(part), "{part} in {tmux}");
    }
    assert!(line(&doctor(&[("TERM", "xterm-kitty")]), "colours").contains("truecolor"));
    assert!(line(&doctor(&[("TERM", "dumb")]), "colours").starts_with("!!"));
}

#[test]
fn a_bad_name_is_rejected_with_the_valid_characters() {
    let state = tempfile::tempdir().unwrap();
    let output =
        nntop("train --detach --name größe").env("NNTOP_STATE_DIR", state.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("a-z, A-Z"), "{}", err(&output));
}
