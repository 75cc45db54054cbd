use super::*;

fn images(count: usize) -> Images {
    Images {
        width: 1,
        height: 1,
        pixels: (0..count).map(|i| i as u8).collect(),
        labels: (0..count).map(|i| (i % 3) as u8).collect(),
    }
}

fn feed(images: &Images, expand: Vec<Expansion>) -> Feed {
    let spec = Spec { batch: 10, expand, ..Spec::default() };
    Feed::new(&spec, images, 3)
}

fn epoch(feed: &mut Feed, images: &Images, epoch: u32) -> Vec<u8> {
    let mut seen = Vec::new();
    for batch in 0..feed.batches() {
        feed.gather(images, (epoch, batch), None);
        seen.extend(feed.hand().x().iter().map(|&x| (x * 255.0).round() as u8));
    }
    seen
}

#[test]
fn an_epoch_shows_every_image_once_in_an_order_of_its_own() {
    let images = images(23);
    let mut feed = feed(&images, Vec::new());
    assert_eq!(feed.batches(), 3);
    let (first, second) = (epoch(&mut feed, &images, 0), epoch(&mut feed, &images, 1));
    assert_ne!(first, second);
    assert_eq!(first, epoch(&mut feed, &images, 0), "an epoch's order can be found again");
    let mut sorted = first;
    sorted.sort_unstable();
    assert_eq!(sorted, images.pixels);
}

#[test]
fn the_last_mini_batch_takes_the_rest() {
    let images = images(23);
    let mut feed = feed(&images, Vec::new());
    assert_eq!([0, 1, 2].map(|batch| feed.size(batch)), [10, 10, 3]);
    feed.gather(&images, (0, 2), None);
    assert_eq!(feed.hand().x().dim(), (3, 1));
}

#[test]
fn what_was_gathered_ahead_is_used_where_it_is_what_is_asked_for() {
    let images = images(23);
    let mut feed = feed(&images, Vec::new());
    let inputs = |feed: &Feed| feed.hand().x().to_owned();
    feed.gather(&images, (0, 1), None);
    let expected = inputs(&feed);
    feed.gather(&images, (0, 0), None);
    let first = inputs(&feed);
    for asked in [(0, 1), (0, 0)] {
        let (hand, ahead) = feed.hands(&images, (0, 1), None);
        let now = hand.x().to_owned();
        ahead.gather();
        assert_eq!(inputs(&feed), now, "what is learned from meanwhile stays");
        feed.gather(&images, asked, None);
        assert_eq!(inputs(&feed), if asked == (0, 1) { &expected } else { &first });
    }
}

#[test]
fn targets_belong_to_their_images() {
    let images = images(9);
    let mut feed = feed(&images, Vec::new());
    feed.gather(&images, (2, 0), None);
    let hand = feed.hand();
    for (x, y) in hand.x().rows().into_iter().zip(hand.y().rows()) {
        let index = (x[0] * 255.0).round() as usize;
        assert!((y[index % 3] - 1.0).abs() < 1e-6 && (y.sum() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn shifts_show_every_image_and_its_four_neighbours() {
    let mut pixels = vec![0; 9];
    pixels[4] = 200;
    let images = Images { width: 3, height: 3, pixels, labels: vec![1] };
    let mut feed = feed(&images, vec![Expansion::Shifts]);
    assert_eq!((feed.samples(), feed.images(), feed.batches()), (5, 1, 1));
    feed.gather(&images, (0, 0), None);
    let mut bright: Vec<usize> = feed
        .hand()
        .x()
        .rows()
        .into_iter()
        .map(|x| x.iter().position(|&pixel| pixel > 0.5).unwrap())
        .collect();
    bright.sort_unstable();
    assert_eq!(bright, [1, 3, 4, 5, 7]);
}

#[test]
fn random_changes_differ_by_epoch_and_can_be_found_again() {
    let pixels = (0..16 * 10).map(|i| (i * 37 % 256) as u8).collect();
    let images = Images { width: 4, height: 4, pixels, labels: vec![0; 10] };
    let expand = vec![Expansion::Rotation(30.0), Expansion::Elastic { alpha: 4.0, sigma: 1.0 }];
    let mut feed = feed(&images, expand);
    let (first, second) = (epoch(&mut feed, &images, 0), epoch(&mut feed, &images, 1));
    assert_ne!(first, second);
    assert_eq!(first, epoch(&mut feed, &images, 0));
}
