use super::*;
use crate::nn::Regularizer;
use clap::Parser;
use proptest::prelude::*;
use std::fs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    spec: SpecArgs,
}

fn spec(line: &str) -> Result<Spec, String> {
    let words = std::iter::once("nntop").chain(line.split_whitespace());
    let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
    line.spec.assemble().map(|recipe| recipe.spec).map_err(|error| error.to_string())
}

#[test]
fn no_arguments_are_chapter_1() {
    assert_eq!(spec("").unwrap(), Spec::default());
}

#[test]
fn arguments_override_the_file_and_the_file_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recipe.toml");
    fs::write(&file, "layers = \"784,100,10\"\neta = 0.5\ncost = \"cross-entropy\"\n").unwrap();
    let spec = spec(&format!("--spec {} --eta 0.1", file.display())).unwrap();
    let expected =
        Spec { layers: "784,100,10".into(), eta: 0.1, cost: Cost::CrossEntropy, ..Spec::default() };
    assert_eq!(spec, expected);
}

#[test]
fn errors_in_a_file_name_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("recipe.toml");
    fs::write(&file, "layers = \"784,30,10\"\nlearning_rate = 1\n").unwrap();
    let error = spec(&format!("--spec {}", file.display())).unwrap_err();
    for part in ["--spec", "recipe.toml", "line 2", "learning_rate", "eta"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let error = spec("--spec /no/such.toml").unwrap_err();
    assert!(error.contains("/no/such.toml"), "{error}");
}

#[test]
fn lambda_and_momentum_imply_regularizer_and_optimizer() {
    let regularizer = Regularizer { penalty: Penalty::L2, lambda: 5.0 };
    assert_eq!(spec("--lambda 5").unwrap().regularizer, regularizer);
    assert_eq!(spec("--lambda 5 --regularizer l1").unwrap().regularizer.penalty, Penalty::L1);
    assert_eq!(spec("--lambda 0").unwrap().regularizer.penalty, Penalty::None);
    assert_eq!(spec("--momentum 0.9").unwrap().optimizer, Optimizer::Momentum);
    let nesterov = spec("--momentum 0.9 --optimizer nesterov").unwrap();
    assert_eq!(nesterov.optimizer, Optimizer::Nesterov);
    for (line, needs) in [
        ("--regularizer l2", "--lambda"),
        ("--regularizer none --lambda 1", "--lambda"),
        ("--optimizer momentum", "--momentum"),
        ("--optimizer adam --momentum 0.9", "--momentum"),
    ] {
        assert!(spec(line).unwrap_err().contains(needs), "{line}");
    }
}

#[test]
fn wrong_values_are_reported_with_the_valid_range() {
    for (line, argument, right) in [
        ("--epochs 0", "--epochs", "from 1 to"),
        ("--epochs -1", "--epochs", "from 1 to"),
        ("--batch 99999999999", "--batch", "from 1 to"),
        ("--batch ten", "--batch", "from 1 to"),
        ("--eta 0", "--eta", "above 0"),
        ("--eta -3", "--eta", "above 0"),
        ("--eta nan", "--eta", "above 0"),
        ("--eta inf", "--eta", "above 0"),
        ("--lambda -1", "--lambda", "from 0"),
        ("--momentum 1", "--momentum", "under 1"),
        ("--dropout 1.5", "--dropout", "under 1"),
        ("--threads 0", "--threads", "from 1 to"),
        ("--train-size 0", "--train-size", "from 1 to"),
        ("--seed -1", "--seed", "invalid"),
        ("--cost square", "--cost", "cross-entropy"),
        ("--activation sigmoyd", "--activation", "sigmoid"),
        ("--init huge", "--init", "scaled"),
        ("--regularizer l3", "--regularizer", "l2"),
        ("--optimizer sdg", "--optimizer", "nesterov"),
        ("--expand turn", "--expand", "rotation:DEGREES"),
        ("--expand rotation:x", "--expand", "above 0"),
        ("--expand scaling:1", "--expand", "between 0 and 1"),
        ("--expand translation:-1", "--expand", "above 0"),
    ] {
        let error = spec(line).unwrap_err();
        assert!(error.contains(argument) && error.contains(right), "{line}: {error}");
    }
}

#[test]
fn expansions_are_parsed() {
    assert_eq!(
        spec("--expand shifts,rotation:15,scaling:0.1,translation:2,elastic:34:4").unwrap().expand,
        [
            Expansion::Shifts,
            Expansion::Rotation(15.0),
            Expansion::Scaling(0.1),
            Expansion::Translation(2.0),
            Expansion::Elastic { alpha: 34.0, sigma: 4.0 }
        ]
    );
}

#[test]
fn arguments_turn_off_what_a_preset_turns_on() {
    let flags = |arguments: &str| {
        let spec = spec(arguments).unwrap();
        [spec.all_images, spec.test_time_shifts]
    };
    assert_eq!(flags(""), [false, false]);
    assert_eq!(flags("--all-images --test-time-shifts"), [true, true]);
    assert_eq!(flags("--preset best"), [true, true]);
    assert_eq!(flags("--preset best --all-images=false"), [false, true]);
    assert_eq!(flags("--preset best --test-time-shifts=false --epochs 2"), [true, false]);
}

proptest! {
    #[test]
    fn any_value_is_accepted_or_rejected_with_the_argument_name(
        index in 0_usize..8, value in "[-+0-9a-zA-Z.:,]{1,12}",
    ) {
        let names = ["epochs", "batch", "eta", "lambda", "momentum", "dropout", "cost", "expand"];
        let argument = format!("--{}", names[index]);
        if let Err(error) = spec(&format!("{argument}={value}")) {
            prop_assert!(error.contains(&argument), "{}", error);
        }
    }

    #[test]
    fn specs_round_trip_through_files(eta in 1e-6_f64..1e6, epochs in 1_u32..1000, seed in 0_u64..u64::from(u32::MAX)) {
        let spec = Spec { eta, epochs, seed, expand: vec![Expansion::Shifts], ..Spec::default() };
        prop_assert_eq!(toml::from_str::<Spec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    }
}
