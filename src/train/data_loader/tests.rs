use super::*;

fn images(count: usize) -> Images {
    Images {
        width: 1,
        height: 1,
        channels: 1,
        pixels: (0..count).map(|i| i as u8).collect(),
        labels: (0..count).map(|i| (i % 3) as u8).collect(),
    }
}

fn loader(images: &Images, expand: Vec<Expansion>) -> DataLoader {
    let spec = Spec { batch: 10, expand, ..Spec::default() };
    DataLoader::new(&spec, images, 3)
}

fn epoch(loader: &mut DataLoader, images: &Images, epoch: u32) -> Vec<u8> {
    let mut seen = Vec::new();
    for batch in 0..loader.batches() {
        loader.gather(images, (epoch, batch), InputKind::Dense);
        seen.extend(loader.mini_batch().x().dense().iter().map(|&x| (x * 255.0).round() as u8));
    }
    seen
}

#[test]
fn an_epoch_shows_every_image_once_in_its_own_order() {
    let images = images(23);
    let mut loader = loader(&images, Vec::new());
    assert_eq!(loader.batches(), 3);
    let (first, second) = (epoch(&mut loader, &images, 0), epoch(&mut loader, &images, 1));
    assert_ne!(first, second);
    assert_eq!(first, epoch(&mut loader, &images, 0), "the order of an epoch is reproducible");
    let mut sorted = first;
    sorted.sort_unstable();
    assert_eq!(sorted, images.pixels);
}

#[test]
fn the_last_mini_batch_has_the_rest() {
    let images = images(23);
    let mut loader = loader(&images, Vec::new());
    assert_eq!([0, 1, 2].map(|batch| loader.size(batch)), [10, 10, 3]);
    loader.gather(&images, (0, 2), InputKind::Dense);
    assert_eq!(loader.mini_batch().x().dense().dim(), (3, 1));
}

#[test]
fn a_prefetched_mini_batch_is_used_if_it_is_the_next_one() {
    let images = images(23);
    let mut loader = loader(&images, Vec::new());
    let inputs = |loader: &DataLoader| loader.mini_batch().x().dense().to_owned();
    loader.gather(&images, (0, 1), InputKind::Dense);
    let expected = inputs(&loader);
    loader.gather(&images, (0, 0), InputKind::Dense);
    let first = inputs(&loader);
    for requested in [(0, 1), (0, 0)] {
        let (mini_batch, ahead) = loader.batch_and_prefetch(&images, (0, 1), InputKind::Dense);
        let now = mini_batch.x().dense().to_owned();
        ahead.gather();
        assert_eq!(inputs(&loader), now, "the current mini-batch is unchanged");
        loader.gather(&images, requested, InputKind::Dense);
        assert_eq!(inputs(&loader), if requested == (0, 1) { &expected } else { &first });
    }
}

#[test]
fn targets_belong_to_their_images() {
    let images = images(9);
    let mut loader = loader(&images, Vec::new());
    loader.gather(&images, (2, 0), InputKind::Dense);
    let mini_batch = loader.mini_batch();
    for (x, y) in mini_batch.x().dense().rows().into_iter().zip(mini_batch.y().rows()) {
        let index = (x[0] * 255.0).round() as usize;
        assert!((y[index % 3] - 1.0).abs() < 1e-6 && (y.sum() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn shifts_add_four_copies_of_every_image() {
    let mut pixels = vec![0; 9];
    pixels[4] = 200;
    let images = Images { width: 3, height: 3, channels: 1, pixels, labels: vec![1] };
    let mut loader = loader(&images, vec![Expansion::Shifts]);
    assert_eq!((loader.samples(), loader.images(), loader.batches()), (5, 1, 1));
    loader.gather(&images, (0, 0), InputKind::Dense);
    let mut bright: Vec<usize> = loader
        .mini_batch()
        .x()
        .dense()
        .rows()
        .into_iter()
        .map(|x| x.iter().position(|&pixel| pixel > 0.5).unwrap())
        .collect();
    bright.sort_unstable();
    assert_eq!(bright, [1, 3, 4, 5, 7]);
}

#[test]
fn random_augmentations_differ_by_epoch_and_are_reproducible() {
    let pixels = (0..16 * 10).map(|i| (i * 37 % 256) as u8).collect();
    let images = Images { width: 4, height: 4, channels: 1, pixels, labels: vec![0; 10] };
    let expand = vec![Expansion::Rotation(30.0), Expansion::Elastic { alpha: 4.0, sigma: 1.0 }];
    let mut loader = loader(&images, expand);
    let (first, second) = (epoch(&mut loader, &images, 0), epoch(&mut loader, &images, 1));
    assert_ne!(first, second);
    assert_eq!(first, epoch(&mut loader, &images, 0));
}
