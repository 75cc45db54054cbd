//! Folders of many pictures are decoded once: later starts use the cache, if it is valid.

use image::GrayImage;
use nntop::data::{Dataset, OpenOptions};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Enough pictures to be worth a cache.
const COUNT: u8 = 250;

/// 500 pictures of two pixels in two classes.
fn folder(dir: &Path) {
    for class in ["a", "b"] {
        fs::create_dir_all(dir.join(class)).unwrap();
        for shade in 0..COUNT {
            picture(&dir.join(class).join(format!("{shade:03}.png")), shade);
        }
    }
}

fn picture(file: &Path, shade: u8) {
    GrayImage::from_raw(2, 1, vec![shade, 255]).unwrap().save(file).unwrap();
}

fn open(dir: &Path, cache: &Path) -> Dataset {
    let options = OpenOptions { cache: Some(cache.into()), ..OpenOptions::default() };
    Dataset::open(dir, &options).unwrap()
}

/// The shades of the first class's first pixels, in all parts.
fn shades(data: &Dataset) -> Vec<u8> {
    let parts = [&data.train, &data.validation, &data.test];
    let all = parts.into_iter().flat_map(|images| (0..images.len()).map(move |at| (images, at)));
    let first = all.filter(|(images, at)| images.labels[*at] == 0);
    let mut shades: Vec<u8> = first.map(|(images, at)| images.image(at)[0]).collect();
    shades.sort_unstable();
    shades
}

fn kept(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Changes a picture without changing the length or the time of its file.
fn change_undetected(file: &Path, shade: u8) {
    let before = fs::metadata(file).unwrap();
    picture(file, shade);
    assert_eq!(fs::metadata(file).unwrap().len(), before.len(), "the same length");
    let writable = File::options().write(true).open(file).unwrap();
    writable.set_modified(before.modified().unwrap()).unwrap();
}

#[test]
fn a_cache_is_used_while_sizes_and_times_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (pictures, cache) = (dir.path().join("set"), dir.path().join("cache"));
    folder(&pictures);
    let first = open(&pictures, &cache);
    let all: Vec<u8> = (0..COUNT).collect();
    assert_eq!(shades(&first), all);
    assert_eq!(kept(&cache).len(), 1);
    // Changes that do not affect size or time are not detected: the pictures are not decoded again.
    change_undetected(&pictures.join("a/007.png"), 8);
    assert_eq!(open(&pictures, &cache), first);
    let file = File::options().write(true).open(pictures.join("a/007.png")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap();
    let changed = open(&pictures, &cache);
    assert_eq!(shades(&changed)[7..9], [8, 8], "another time");
    fs::remove_file(pictures.join("a/000.png")).unwrap();
    assert_eq!(shades(&open(&pictures, &cache))[0], 1, "a file less");
    assert_eq!(kept(&cache).len(), 1, "the old one was replaced");
}

#[test]
fn a_damaged_cache_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let (pictures, cache) = (dir.path().join("set"), dir.path().join("cache"));
    folder(&pictures);
    let first = open(&pictures, &cache);
    let file = kept(&cache).remove(0);
    let whole = fs::read(&file).unwrap();
    for end in [0, 10, 40, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..end]).unwrap();
        assert_eq!(open(&pictures, &cache), first, "cut at {end}");
    }
    for at in [3, 30, 60, 100, whole.len() / 2, whole.len() - 2] {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        fs::write(&file, &changed).unwrap();
        assert_eq!(open(&pictures, &cache), first, "changed at {at}");
    }
    fs::write(&file, [&whole[..], b"more"].concat()).unwrap();
    assert_eq!(open(&pictures, &cache), first, "longer");
}

#[test]
fn without_a_writable_cache_pictures_are_decoded_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = dir.path().join("set");
    folder(&pictures);
    let file = dir.path().join("a file");
    fs::write(&file, "no directory").unwrap();
    let first = open(&pictures, &file);
    assert_eq!(open(&pictures, &file.join("below")), first);
    assert_eq!(open(&pictures, Path::new("/proc/nowhere")), first);
}
