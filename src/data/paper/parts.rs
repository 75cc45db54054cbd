//! Connected components and their classification.

use super::contrast::Contrast;

/// Label of a pixel outside all parts.
pub(super) const NONE: u32 = u32::MAX;

/// With more parts than this, the threshold is so low that it selects the grain of the paper.
pub(super) const MAX_PARTS: usize = 20_000;

/// A connected component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub left: usize,
    pub top: usize,
    /// One past the last column and row.
    pub right: usize,
    pub bottom: usize,
    /// Number of pixels.
    pub area: usize,
    /// Number of pixels with paper on one of their four sides, or on the picture's border.
    pub outline: usize,
    /// Number of pixels on the picture's border.
    pub at_border: usize,
    /// Sum over its pixels of the distance from the picture's border, in pixels.
    pub depth: usize,
}

/// All components of a picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub width: usize,
    pub height: usize,
    /// Index of each pixel's component in `list`, row-major; [`NONE`] outside all of them.
    pub labels: Vec<u32>,
    pub list: Vec<Part>,
}

/// Classification of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// Strokes.
    Ink,
    /// Strokes cut off by the picture's border, or something that reaches in from outside.
    Deep,
    /// A frame around the picture, or dirt on its border.
    Border,
    /// A ruled line.
    Line,
    /// Too small to be a digit.
    Speck,
    /// A filled region.
    Blob,
}

impl Part {
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    pub fn longer_side(&self) -> usize {
        self.width().max(self.height())
    }

    pub fn shorter_side(&self) -> usize {
        self.width().min(self.height())
    }

    /// Width of its strokes in pixels: area over half of the outline.
    pub fn stroke(&self) -> f32 {
        2.0 * self.area as f32 / self.outline.max(1) as f32
    }

    /// Whether its bounding box contains that of the other.
    pub fn contains(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && self.right >= other.right
            && self.bottom >= other.bottom
    }

    /// Whether a picture of this width and height is cropped tightly around it.
    fn fills(&self, width: usize, height: usize) -> bool {
        let near = |away: usize, size: usize| away * 32 <= size + 32;
        let side = width.min(height) as f32;
        near(self.left, width)
            && near(width - self.right, width)
            && near(self.top, height)
            && near(height - self.bottom, height)
            && (self.at_border as f32) < 0.65 * 2.0 * (width + height) as f32
            && self.depth as f32 > 0.08 * side * self.area as f32
            && self.stroke() > 0.03 * self.longer_side() as f32
            && (self.area as f32) < 0.8 * (width * height) as f32
    }

    /// Classifies the part in a picture of this width and height.
    pub fn kind(&self, width: usize, height: usize) -> PartKind {
        let side = width.min(height) as f32;
        let long = self.longer_side() as f32;
        let flat = self.width() > 8 * self.height();
        if self.fills(width, height) {
            return PartKind::Ink;
        }
        if self.at_border > 0 {
            let depth = self.depth as f32 / self.area.max(1) as f32;
            let whole_border = self.width() == width && self.height() == height;
            let thin = self.stroke() < 0.03 * long && long > 0.5 * side;
            if depth < 0.07 * side
                || self.at_border * 3 > self.outline
                || (self.shorter_side() as f32) < 0.2 * side && !(whole_border && long > side)
                || thin
            {
                return if flat || thin { PartKind::Line } else { PartKind::Border };
            }
            return PartKind::Deep;
        }
        if long < (0.012 * side).max(4.0) {
            return PartKind::Speck;
        }
        if flat || (self.shorter_side() * 25 < self.longer_side() && long > 0.6 * side) {
            return PartKind::Line;
        }
        if self.stroke() > 0.38 * long && long > 0.5 * side {
            PartKind::Blob
        } else {
            PartKind::Ink
        }
    }
}

impl Parts {
    /// Labels the components of the pixels for which `is_ink` holds, with 8-connectivity. Stops after
    /// `MAX_PARTS + 1` of them.
    pub fn of(width: usize, height: usize, is_ink: impl Fn(usize) -> bool) -> Self {
        let mut labels: Vec<u32> =
            (0..width * height).map(|at| if is_ink(at) { NONE - 1 } else { NONE }).collect();
        let mut list: Vec<Part> = Vec::new();
        let mut open = Vec::new();
        for start in 0..labels.len() {
            if labels[start] != NONE - 1 {
                continue;
            }
            if list.len() > MAX_PARTS {
                break;
            }
            let label = list.len() as u32;
            let (x, y) = (start % width, start / width);
            let mut part = Part { left: x, top: y, right: x, bottom: y, ..Part::default() };
            labels[start] = label;
            open.push((x as u32, y as u32));
            while let Some((x, y)) = open.pop() {
                let (x, y) = (x as usize, y as usize);
                part.add_pixel(x, y, width, height);
                let mut beside_paper = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
                for row in y.saturating_sub(1)..(y + 2).min(height) {
                    for column in x.saturating_sub(1)..(x + 2).min(width) {
                        let next = &mut labels[row * width + column];
                        if *next == NONE - 1 {
                            *next = label;
                            open.push((column as u32, row as u32));
                        } else if *next == NONE && (row == y || column == x) {
                            beside_paper = true;
                        }
                    }
                }
                part.outline += usize::from(beside_paper);
            }
            list.push(part);
        }
        Self { width, height, labels, list }
    }

    /// The components of the pixels with at least this strength.
    pub fn above(contrast: &Contrast, threshold: u8) -> Self {
        Self::of(contrast.width, contrast.height, |at| contrast.strength[at] >= threshold)
    }

    pub fn kinds(&self) -> Vec<PartKind> {
        self.list.iter().map(|part| part.kind(self.width, self.height)).collect()
    }
}

impl Part {
    fn add_pixel(&mut self, x: usize, y: usize, width: usize, height: usize) {
        self.left = self.left.min(x);
        self.top = self.top.min(y);
        self.right = self.right.max(x + 1);
        self.bottom = self.bottom.max(y + 1);
        self.area += 1;
        let depth = x.min(y).min(width - 1 - x).min(height - 1 - y);
        self.depth += depth;
        if depth == 0 {
            self.at_border += 1;
        }
    }
}
