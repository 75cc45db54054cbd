use super::super::npy::tests::npy;
use super::super::npz::tests::write_npz;
use super::*;
use image::{GrayImage, Luma, Rgb, RgbImage};
use std::fs;

fn open(file: &Path) -> Result<PredictedDataset, String> {
    PredictedDataset::open(file, &OpenOptions::default()).map_err(|error| error.to_string())
}

fn csv(text: &str) -> Result<PredictedDataset, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("predictions.csv");
    fs::write(&file, text).unwrap();
    open(&file)
}

#[test]
fn labels_and_probabilities_are_read_from_text() {
    let predictions = csv("id,label,prob_cat,prob_dog\n1,dog,0.9,0.1\n2,cat,0.8,0.2\n").unwrap();
    assert_eq!(predictions.data.classes, ["cat", "dog"]);
    assert_eq!(predictions.data.test.labels, [1, 0]);
    assert_eq!(predictions.answers, [Some(0), Some(0)]);
    assert_eq!(predictions.outputs, [0.9, 0.1, 0.8, 0.2]);
    let predictions = csv("y_true;y_pred;confidence\n3;3;0.5\n1;2;0.75\n").unwrap();
    assert_eq!(predictions.data.classes, ["1", "2", "3"]);
    assert_eq!(
        (predictions.data.test.labels, predictions.answers),
        (vec![2, 0], vec![Some(2), Some(1)])
    );
    assert_eq!(predictions.outputs, [0.0, 0.0, 0.5, 0.0, 0.75, 0.0]);
    let predictions = csv("0,1\n1,1\n").unwrap();
    assert_eq!(
        (predictions.data.test.labels, predictions.answers),
        (vec![0, 1], vec![Some(1), Some(1)])
    );
    let predictions = csv("label,0,1,2\n2,0.1,0.2,0.7\n0,0.2,0.7,0.1\n").unwrap();
    assert_eq!(predictions.answers, [Some(2), Some(1)]);
}

#[test]
fn rows_without_numbers_have_no_prediction() {
    let predictions = csv("label,prob_0,prob_1\n0,0.9,0.1\n1,nan,0.5\n1,,0.5\n0,inf,0\n").unwrap();
    assert_eq!(predictions.answers, [Some(0), None, None, None]);
    assert!(
        predictions
            .data
            .notes
            .iter()
            .any(|note| note.starts_with("3 of 4 rows have no prediction"))
    );
    let predictions = csv("label,prediction\n0,1\n1,\n").unwrap();
    assert_eq!(predictions.answers, [Some(1), None]);
}

#[test]
fn scores_are_converted_to_probabilities() {
    let predictions = csv("label,logit_0,logit_1\n0,3.0,1.0\n1,-2,5\n").unwrap();
    assert!((predictions.outputs[0] + predictions.outputs[1] - 1.0).abs() < 1e-6);
    assert!(predictions.data.notes.iter().any(|note| note.contains("softmax")));
    let percent = csv("label,prob_0,prob_1\n0,97.5,2.5\n").unwrap();
    assert_eq!(percent.outputs, [0.975, 0.025]);
}

#[test]
fn pictures_are_pixels_or_paths_one_per_row() {
    let predictions =
        csv("label,prediction,pixel0,pixel1,pixel2,pixel3\n0,1,0,255,7,9\n1,1,1,2,3,4\n");
    let predictions = predictions.unwrap();
    assert_eq!(
        (predictions.data.test.width, predictions.data.test.image(1)),
        (2, &[1, 2, 3, 4][..])
    );
    let dir = tempfile::tempdir().unwrap();
    GrayImage::from_pixel(3, 3, Luma([9])).save(dir.path().join("a.png")).unwrap();
    RgbImage::from_pixel(3, 3, Rgb([200, 0, 0])).save(dir.path().join("c.png")).unwrap();
    fs::write(dir.path().join("b.png"), b"no picture").unwrap();
    let file = dir.path().join("table");
    fs::write(&file, "image,label,pred\na.png,0,1\nb.png,1,1\nc.png,1,0\nmissing.png,0,0\n")
        .unwrap();
    let predictions = open(&file).unwrap();
    let test = &predictions.data.test;
    assert_eq!((test.channels, test.len(), test.image(0)[0]), (3, 4, 9));
    assert_eq!((test.image(1)[0], &test.image(2)[..3]), (0, &[200, 0, 0][..]));
    assert!(predictions.data.notes.iter().any(|note| note.starts_with("2 pictures are blank")));
    fs::write(&file, "path,label,pred\nmissing.png,0,1\nb.png,1,1\n").unwrap();
    let error = open(&file).unwrap_err();
    assert!(error.contains("none of its pictures") && error.contains("missing.png"), "{error}");
    let without = csv("label,pred\n0,1\n1,1\n").unwrap();
    assert!(!without.has_pictures());
    let data = Dataset { test: test.clone(), ..Dataset::default() };
    assert!(without.clone().with_pictures(&data).is_err());
    fs::write(&file, "label,pred\n0,1\n1,1\n0,0\n1,0\n").unwrap();
    let with = open(&file).unwrap().with_pictures(&data).unwrap();
    assert_eq!((with.data.test.labels, with.data.test.channels), (vec![0, 1, 0, 1], 3));
}

#[test]
fn arrays_are_recognised_by_name_and_shape() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("predictions");
    let reals = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let probabilities = reals(&[0.1, 0.9, 0.8, 0.2, f32::NAN, 0.5]);
    write_npz(
        &file,
        &[
            ("images", npy("|u1", &[3, 2, 2], &(0..12).map(|at| 20 * at).collect::<Vec<u8>>())),
            ("labels", npy("|u1", &[3], &[1, 1, 0])),
            ("predictions", npy("<f4", &[3, 2], &probabilities)),
        ],
    );
    let predictions = open(&file).unwrap();
    assert_eq!(predictions.answers, [Some(1), Some(0), None]);
    assert_eq!((predictions.data.test.width, predictions.data.test.image(2)[3]), (2, 220));
    write_npz(
        &file,
        &[("arr_0", npy("|u1", &[3], &[1, 2, 0])), ("arr_1", npy("|u1", &[3], &[1, 1, 0]))],
    );
    let predictions = open(&file).unwrap();
    assert_eq!(predictions.data.test.labels, [1, 2, 0]);
    assert_eq!(predictions.answers, [Some(1), Some(1), Some(0)]);
}

#[test]
fn missing_and_invalid_columns_are_errors() {
    for (text, why) in [
        ("label,size\n1,2\n", "no column of predictions"),
        ("prediction,size\n1,2\n", "no column of true labels: it has prediction, size"),
        ("label,prediction\n", "has no rows"),
        ("label,prediction\n-1,2\n", "labels from -1 to 2"),
        ("label,prediction\n0,999\n", "1000 classes, but at most 256"),
        ("label,prob_0,prob_1\n0,x,1\n", "line 2, column 2: `x` is not a number"),
        ("label,prob_0,prob_1\n2,0,1\n4,1,0\n", "for 2 classes"),
        ("1,2,3\n4,5,6\n", "has no header"),
    ] {
        let error = csv(text).unwrap_err();
        assert!(error.contains(why) && error.contains("predictions.csv"), "{text}: {error}");
    }
}

#[test]
fn truncated_tables_do_not_panic() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("predictions");
    let bytes = npy("|u1", &[4, 2, 2], &[7; 16]);
    write_npz(
        &file,
        &[
            ("x", bytes),
            ("y", npy("|u1", &[4], &[0, 1, 0, 1])),
            ("pred", npy("|u1", &[4], &[1; 4])),
        ],
    );
    let archive = fs::read(&file).unwrap();
    let text = b"label,prob_a,prob_b,path\na,0.5,0.5,x.png\nb,1,0,y.png\n".to_vec();
    for whole in [archive, text] {
        for end in 0..whole.len() {
            fs::write(&file, &whole[..end]).unwrap();
            if let Err(error) = open(&file) {
                assert!(error.contains("predictions"), "{error}");
            }
        }
    }
}
