use super::*;
use proptest::prelude::*;

#[test]
fn functions_are_recorded_and_never_called() {
    // The pickle of an object whose loading would run a shell command.
    let evil = b"cos\nsystem\n(S'touch /tmp/nntop-was-here'\ntR.";
    let pickle = read(&evil[..]).unwrap();
    assert_eq!(pickle.describe(pickle.root), "an object of os.system");
    assert!(pickle.array(pickle.root).unwrap().is_none());
}

#[test]
fn lists_and_numbers_of_all_protocols_are_read() {
    // pickle.dumps([1, 300, 70000, -2, 2.5], protocol)
    let texts = b"(lp0\nI1\naI300\naI70000\naI-2\naF2.5\na.";
    let binary = b"\x80\x04\x95\x1a\0\0\0\0\0\0\0]\x94(K\x01M\x2c\x01Jp\x11\x01\0J\xfe\xff\xff\xffG@\x04\0\0\0\0\0\0e.";
    for bytes in [&texts[..], &binary[..]] {
        let pickle = read(bytes).unwrap();
        let array = pickle.array(pickle.root).unwrap().unwrap();
        assert_eq!(array.shape, [5]);
        assert_eq!(array.into_numbers().unwrap(), [1.0, 300.0, 70000.0, -2.0, 2.5]);
    }
}

#[test]
fn truncated_pickles_are_errors() {
    let whole = b"\x80\x02}q\x01(U\x04dataq\x02]q\x03(K\x01K\x02eU\x06labelsq\x04K\x07u.";
    assert!(read(&whole[..]).is_ok());
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn false_lengths_are_errors_before_allocation() {
    let error = read(&b"\x80\x02T\xff\xff\xff\x7fabc."[..]).unwrap_err();
    assert!(error.contains("more than"), "{error}");
    let error = read(&b"\x80\x02T\xff\xff\xff\x0fabc."[..]).unwrap_err();
    assert!(error.contains("ends too early"), "{error}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
        if let Ok(pickle) = read(bytes.as_slice()) {
            let _ = pickle.array(pickle.root);
            let _ = pickle.describe(pickle.root);
        }
    }
}
