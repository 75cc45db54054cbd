use super::*;
use crate::model::Members;
use crate::protocol::{DigitFilter, DigitQuery, PredictionFilter};
use crate::spec::Spec;
use crate::spec::testing::{dataset, spec};
use crate::train::RunOptions;
use std::time::Duration;

fn model(seed: u64) -> Model {
    let spec = Spec { seed, epochs: 1, eta: 1.0, ..spec() };
    let options = RunOptions { dataset: Some(Arc::new(dataset())), ..RunOptions::default() };
    let network = RunHandle::spawn(spec.clone(), options).unwrap().join().unwrap();
    let classes = dataset().classes;
    Model { members: Members::one(spec, network), image: (4, 4), channels: 1, classes, epoch: 1 }
}

fn next(handle: &RunHandle) -> Event {
    handle.events.recv_timeout(Duration::from_secs(60)).unwrap()
}

fn frame(handle: &RunHandle, what: ProbeQuery) -> Content {
    handle.commands.send(Command::Watch(vec![Probe::live(what)])).unwrap();
    loop {
        if let Event::Frame(frame) = next(handle) {
            return frame.content;
        }
    }
}

#[test]
fn an_ensemble_is_evaluated_and_shows_its_votes() {
    let models = [model(1), model(2), model(3)];
    let whole = Model::join(models.clone()).unwrap();
    let data = Arc::new(dataset());
    let evaluation = whole.evaluate(&data.test);
    let handle = open_model(whole, Arc::clone(&data)).unwrap();
    let Event::Started(info) = next(&handle) else { panic!("the first event is Started") };
    assert!(info.title.starts_with("3 × "), "{}", info.title);
    let mut measured = None;
    loop {
        match next(&handle) {
            Event::EpochEnded(stats) => measured = Some(stats),
            Event::Finished(outcome) => {
                assert!(matches!(outcome, Outcome::Completed(_)), "{outcome:?}");
                break;
            }
            _ => {}
        }
    }
    assert_eq!(measured.unwrap().test_accuracy, evaluation.accuracy);
    for index in 0..data.test.len() {
        let Content::Digit { card, votes, .. } =
            frame(&handle, ProbeQuery::Digit { index: index as u32 })
        else {
            panic!("a digit")
        };
        let image = Images {
            pixels: data.test.image(index).to_vec(),
            labels: vec![data.test.labels[index]],
            ..data.test
        };
        let expected = models.iter().map(|model| model.answer(&image)[0].answer as u32);
        assert_eq!(votes, expected.collect::<Vec<_>>());
        assert!(votes.contains(&card.prediction));
    }
    let filter = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
    let query = DigitQuery { filter, count: 100, ..DigitQuery::default() };
    let Content::Digits { total, cards, .. } = frame(&handle, ProbeQuery::Digits(query)) else {
        panic!("a list")
    };
    let wrong = (1.0 - evaluation.accuracy.unwrap()) * data.test.len() as f64;
    assert!((f64::from(total) - wrong).abs() < 1e-6 && cards.len() == total as usize);
    assert!(cards.iter().all(|card| card.label != card.prediction));
    assert!(handle.join().is_some());
}

#[test]
fn a_single_network_has_no_votes_and_drawn_digits_are_classified() {
    let handle = open_model(model(1), Arc::new(dataset())).unwrap();
    let pixels = dataset().test.image(0).to_vec();
    handle.commands.send(Command::Classify { id: 7, pixels: vec![0; 3] }).unwrap();
    handle.commands.send(Command::Classify { id: 8, pixels }).unwrap();
    let mut warned = false;
    loop {
        match next(&handle) {
            Event::Log(line) => warned |= line.text.contains("3 pixels"),
            Event::Classified(classified) => {
                assert_eq!((classified.id, classified.votes), (8, Vec::new()));
                break;
            }
            _ => {}
        }
    }
    assert!(warned, "an image of another size causes a warning");
    assert!(matches!(frame(&handle, ProbeQuery::Digit { index: 99 }), Content::Unavailable(_)));
}

#[test]
fn images_of_another_size_are_an_error() {
    let data = Dataset { classes: vec!["a".into(), "b".into()], ..dataset() };
    assert!(open_model(model(1), Arc::new(data)).is_err());
}
