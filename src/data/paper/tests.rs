use super::*;
use crate::rng::{Purpose, Stream, stream};
use rand::RngExt;
use rand_distr::{Distribution, Normal};

const WIDTH: usize = 240;
const HEIGHT: usize = 200;

/// A synthetic photograph: brightness from 0 to 1, and a mask of the ink.
struct Sheet {
    light: Vec<f32>,
    ink: Vec<f32>,
    random: Stream,
}

/// Distance of a point from a segment.
fn distance(x: f32, y: f32, from: [f32; 2], to: [f32; 2]) -> f32 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let along = ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy).max(1e-6);
    let along = along.clamp(0.0, 1.0);
    (x - from[0] - along * dx).hypot(y - from[1] - along * dy)
}

impl Sheet {
    /// Blank paper, and the mask of a seven that is 66 pixels high.
    fn new(paper: f32, pen: f32) -> Self {
        let strokes = [([95.0, 70.0], [140.0, 70.0]), ([140.0, 70.0], [115.0, 136.0])];
        let ink = |at: usize| {
            let (x, y) = ((at % WIDTH) as f32, (at / WIDTH) as f32);
            let near = strokes.iter().map(|(from, to)| distance(x, y, *from, *to));
            (pen / 2.0 + 0.5 - near.fold(f32::MAX, f32::min)).clamp(0.0, 1.0)
        };
        let ink = (0..WIDTH * HEIGHT).map(ink).collect();
        let light = vec![paper; WIDTH * HEIGHT];
        Self { light, ink, random: stream(5, Purpose::Augmentation, 0, 0) }
    }

    fn map(mut self, shade: impl Fn(f32, f32, f32) -> f32) -> Self {
        for (at, light) in self.light.iter_mut().enumerate() {
            *light = shade((at % WIDTH) as f32, (at / WIDTH) as f32, *light);
        }
        self
    }

    /// Replaces the paper's brightness by the pen's where there is ink.
    fn written(mut self, pen: f32) -> Self {
        for (light, ink) in self.light.iter_mut().zip(&self.ink) {
            *light = *light * (1.0 - ink) + ink * pen;
        }
        self
    }

    fn noise(mut self, deviation: f32) -> Self {
        let normal = Normal::new(0.0, deviation / 255.0).unwrap();
        for light in &mut self.light {
            *light += normal.sample(&mut self.random);
        }
        self
    }

    fn plane(&self) -> Plane {
        let shades = self.light.iter().map(|light| (255.0 * light).round().clamp(0.0, 255.0) as u8);
        Plane::new(WIDTH, HEIGHT, shades.collect())
    }

    /// The overlap of true and detected ink (intersection over union).
    fn agreement(&self, found: &Ink) -> f32 {
        let (mut both, mut either) = (0, 0);
        for (at, ink) in self.ink.iter().enumerate() {
            let (x, y) = (at % WIDTH / found.shrunk, at / WIDTH / found.shrunk);
            let (width, height) = (found.picture.width, found.picture.height);
            let taken = x < width && y < height && found.picture.ink[y * width + x] >= 128;
            both += usize::from(taken && *ink >= 0.5);
            either += usize::from(taken || *ink >= 0.5);
        }
        both as f32 / either.max(1) as f32
    }

    #[track_caller]
    fn assert_found(&self, what: &str) {
        let found = ink_of(self.plane()).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let agreement = self.agreement(&found[0]);
        assert!(agreement > 0.8, "{what}: agreement {agreement:.2}");
    }
}

fn plain() -> Sheet {
    Sheet::new(0.9, 9.0)
}

#[test]
fn both_polarities_and_all_pen_widths_are_found() {
    plain().written(0.1).assert_found("dark on light");
    Sheet::new(0.15, 9.0).written(0.9).assert_found("light on dark");
    Sheet::new(0.8, 9.0).written(0.5).assert_found("a pencil");
    Sheet::new(0.9, 4.0).written(0.1).assert_found("a thin pen");
    Sheet::new(0.9, 22.0).written(0.1).assert_found("a thick pen");
}

#[test]
fn frames_and_corners_are_not_ink() {
    for frame in [1.0, 3.0, 8.0] {
        for shade in [0.0, 0.6, 1.0] {
            let framed = plain().written(0.1).map(|x, y, light| {
                let inside = x >= frame
                    && y >= frame
                    && x < WIDTH as f32 - frame
                    && y < HEIGHT as f32 - frame;
                if inside { light } else { shade }
            });
            framed.assert_found(&format!("a frame of {frame} pixels and shade {shade}"));
        }
    }
    for shade in [0.0, 1.0] {
        let rounded = plain().written(0.1).map(|x, y, light| {
            let (dx, dy) = (x.min(WIDTH as f32 - x), y.min(HEIGHT as f32 - y));
            let outside = dx < 30.0 && dy < 30.0 && (30.0 - dx).hypot(30.0 - dy) > 30.0;
            if outside { shade } else { light }
        });
        rounded.assert_found("rounded corners");
    }
}

#[test]
fn a_sheet_on_a_table_is_found() {
    for (table, skew) in [(0.15, 0.0), (0.25, 0.2), (1.0, 0.0), (1.0, 0.15)] {
        let on_table = Sheet::new(0.7, 9.0).written(0.1).map(|x, y, light| {
            let (left, top) = (40.0 + skew * y * 0.3, 30.0 + skew * x * 0.3);
            let inside = x > left && x < 205.0 - skew * y * 0.2 && y > top && y < 170.0;
            if inside { light } else { table }
        });
        on_table.noise(3.0).assert_found(&format!("a table of shade {table}"));
    }
}

#[test]
fn ruling_and_boxes_are_not_ink() {
    for strength in [0.15, 0.3, 0.45] {
        let ruled = plain().map(|_, y, light| {
            light - if (y - 9.0).rem_euclid(22.0) < 1.5 { 0.8 * strength } else { 0.0 }
        });
        ruled.written(0.1).noise(2.0).assert_found(&format!("ruled at {strength}"));
        let squared = plain().map(|x, y, light| {
            let line = (x - 5.0).rem_euclid(20.0) < 1.5 || (y - 9.0).rem_euclid(20.0) < 1.5;
            light - if line { 0.8 * strength } else { 0.0 }
        });
        squared.written(0.1).assert_found(&format!("squared at {strength}"));
    }
    let dotted = plain().map(|x, y, light| {
        let off = (x.rem_euclid(16.0) - 8.0).hypot(y.rem_euclid(16.0) - 8.0);
        light - if off < 1.5 { 0.4 } else { 0.0 }
    });
    dotted.written(0.1).assert_found("dotted");
    // A box around the digit, and one whose side crosses the digit.
    for left in [70.0, 105.0] {
        let boxed = plain().map(|x, y, light| {
            let inside = x > left && x < 190.0 && y > 50.0 && y < 155.0;
            let within = x > left + 2.0 && x < 188.0 && y > 52.0 && y < 153.0;
            if inside && !within { 0.2 } else { light }
        });
        boxed.written(0.1).assert_found(&format!("a box from {left}"));
    }
    let cells = plain().map(|x, y, light| {
        let row = y > 50.0 && y < 155.0;
        let across = row && (x - 15.0).rem_euclid(70.0) < 2.0;
        let along = (y - 50.0).abs() < 1.1 || (y - 155.0).abs() < 1.1;
        if across || along { 0.3 } else { light }
    });
    cells.written(0.1).assert_found("cells");
}

#[test]
fn shadows_are_not_ink() {
    for soft in [0.5, 4.0, 25.0] {
        let edge = |x: f32, y: f32| 1.0 / (1.0 + ((100.0 - x - 0.4 * (y - 100.0)) / soft).exp());
        let shadow = plain().written(0.1).map(|x, y, light| light * (1.0 - 0.45 * edge(x, y)));
        shadow.noise(2.0).assert_found(&format!("a shadow with an edge of {soft}"));
    }
    let glare = Sheet::new(0.7, 9.0).written(0.1).map(|x, y, light| {
        light + 0.3 * (-((x - 150.0).powi(2) + (y - 60.0).powi(2)) / 1800.0).exp()
    });
    glare.assert_found("glare");
    let fold = plain().written(0.1).map(|x, _, light| {
        let crease = 0.2 * (-((x - 128.0) / 1.2).powi(2)).exp();
        light * (if x > 128.0 { 0.85 } else { 1.0 } - crease)
    });
    fold.assert_found("a fold");
    let slope = plain().written(0.1).map(|x, _, light| light * (0.4 + 0.6 * x / WIDTH as f32));
    slope.assert_found("light from a side");
}

#[test]
fn noise_and_dirt_are_not_ink() {
    plain().written(0.1).noise(28.0).assert_found("much noise");
    Sheet::new(0.27, 9.0).written(0.07).noise(7.0).assert_found("a dark webcam");
    let dirt = plain().written(0.1).map(|x, y, light| {
        let blot = (x - 3.0).hypot(y - 150.0) < 16.0 || (x - 220.0).hypot(y - 198.0) < 10.0;
        let speck = (x - 40.0).hypot(y - 40.0) < 1.5 || (x - 200.0).hypot(y - 90.0) < 1.5;
        if blot || speck { 0.05 } else { light }
    });
    dirt.assert_found("dirt at the edge");
}

/// Crops a picture.
fn cropped(plane: &Plane, [left, top, right, bottom]: [usize; 4]) -> Plane {
    let rows = (top..bottom).flat_map(|y| plane.shades[y * plane.width..][left..right].to_vec());
    Plane::new(right - left, bottom - top, rows.collect())
}

#[test]
fn a_tightly_cropped_digit_is_found() {
    for (paper, pen) in [(0.9, 0.1), (0.15, 0.9)] {
        let sheet = Sheet::new(paper, 11.0).written(pen);
        let tight = cropped(&sheet.plane(), [90, 65, 146, 142]);
        let found = ink_of(tight.clone()).unwrap();
        let right = tight.shades.iter().zip(&found[0].picture.ink).filter(|(shade, ink)| {
            let is_ink = (f32::from(**shade) / 255.0 - paper).abs() > (pen - paper).abs() / 2.0;
            is_ink == (**ink >= 128)
        });
        let right = right.count() as f32 / tight.shades.len() as f32;
        assert!(right > 0.95, "{paper} {pen}: {right:.2}");
    }
}

#[test]
fn noise_without_ink_is_an_error_with_contrast_and_noise() {
    assert_eq!(untouched(&Plane::new(9, 9, vec![7; 81])), None);
    let paper = Sheet::new(0.5, 9.0).noise(9.0).plane();
    let Err(NoInk::Faint { contrast, noise }) = ink_of(paper) else {
        panic!("noise alone is not ink");
    };
    assert!((6..=12).contains(&noise) && contrast < 80, "contrast {contrast}, noise {noise}");
}

#[test]
fn arbitrary_planes_do_not_panic() {
    let mut random = stream(8, Purpose::Augmentation, 1, 0);
    for _ in 0..60 {
        let (width, height) = (random.random_range(1..50), random.random_range(1..50));
        let levels = random.random_range(1..255_u8);
        let shades = (0..width * height).map(|_| random.random_range(0..=levels)).collect();
        if let Ok(found) = ink_of(Plane::new(width, height, shades)) {
            assert!(found.iter().all(|ink| !ink.picture.is_blank()));
        }
    }
}
