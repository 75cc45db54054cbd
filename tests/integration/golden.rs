//! Golden screens as text for review: one file per scene, with a section for every terminal and
//! size.
//!
//! A section contains the text of the screen and, where colours are compared, a list of colour
//! runs: `ROWS: FIRST-LAST STYLE`, counted from 0. An area in which almost every cell has its own
//! colour (an image, a heatmap) is written as `ink` and `paper`, one character per cell: `0`-`9` is
//! grey from dark to light, `a`-`j` the same for cold hues, `A`-`J` for warm ones, `.` the
//! terminal's default.
//!
//! `NNTOP_BLESS=1 cargo test --test integration screens` rewrites the files.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};
use unicode_width::UnicodeWidthStr;

/// Shorter runs are counted as part of an image.
const SHORT_RUN: u16 = 3;
/// Minimum number of short runs in a row that are written as an image.
const PICTURE: usize = 6;

/// The golden file of one scene.
#[derive(Default)]
pub struct Golden {
    /// Title, text and colours of each screen.
    sections: Vec<[String; 3]>,
}

impl Golden {
    /// Adds an area of a screen: its text, and its colours if they are compared.
    pub fn add(&mut self, title: &str, buffer: &Buffer, area: Rect, with_colours: bool) {
        let colours = if with_colours { colours(buffer, area) } else { String::new() };
        self.sections.push([title.into(), letters(buffer, area), colours]);
    }

    /// The content of the file. What a section shares with an earlier one is not repeated.
    fn text(&self) -> String {
        let mut out = String::new();
        for (index, [title, letters, colours]) in self.sections.iter().enumerate() {
            let earlier = &self.sections[..index];
            let _ = writeln!(out, "══ {title} ══");
            match earlier.iter().find(|section| section[1] == *letters) {
                Some([other, ..]) => {
                    let _ = writeln!(out, "letters as in {other}");
                }
                None => out.push_str(letters),
            }
            if !colours.is_empty() {
                out.push_str("── colours ──\n");
                match earlier.iter().find(|section| section[2] == *colours) {
                    Some([other, ..]) => {
                        let _ = writeln!(out, "as in {other}");
                    }
                    None => out.push_str(colours),
                }
            }
        }
        out
    }

    /// The difference from the golden file with this name, if any; writes the file if `NNTOP_BLESS`
    /// is set.
    pub fn difference(&self, name: &str) -> Option<String> {
        let path = path(name);
        let text = self.text();
        if env::var_os("NNTOP_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        (golden != text).then(|| format!("{}:\n{}", path.display(), first_change(&golden, &text)))
    }
}

fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}.txt"))
}

/// The directory of the golden screens.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/screens")
}

/// The first section that differs, before and after.
fn first_change(golden: &str, text: &str) -> String {
    let (old, new) = (golden.lines(), text.lines());
    let at = old.clone().zip(new.clone()).take_while(|(old, new)| old == new).count();
    let title = new.clone().take(at + 1).filter(|line| line.starts_with("══")).last();
    let show = |lines: std::str::Lines| lines.skip(at).take(6).collect::<Vec<_>>().join("\n");
    let title = title.unwrap_or_default();
    format!("{title} from line {}\nwas:\n{}\nis:\n{}\n", at + 1, show(old), show(new))
}

/// The text of an area, without trailing blanks.
fn letters(buffer: &Buffer, area: Rect) -> String {
    let mut text = String::new();
    for y in area.top()..area.bottom() {
        // The second cell of a wide character is skipped.
        let mut wide = false;
        let line: String = (area.left()..area.right())
            .map(|x| buffer[(x, y)].symbol())
            .filter(|symbol| !std::mem::replace(&mut wide, symbol.width() > 1))
            .collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Adjacent cells with the same style: first and last column, and the first cell.
type Run<'a> = (u16, u16, &'a Cell);

/// The colours of an area, one line per row with colours; equal rows share a line.
fn colours(buffer: &Buffer, area: Rect) -> String {
    let mut lines: Vec<(u16, u16, String)> = Vec::new();
    for y in area.top()..area.bottom() {
        let mut runs: Vec<Run> = Vec::new();
        for x in area.left()..area.right() {
            let (cell, at) = (&buffer[(x, y)], x - area.x);
            match runs.last_mut() {
                // A blank between two words belongs to their run.
                _ if cell.symbol() == " " && style(cell).is_empty() => {}
                Some((_, last, like)) if appearance(like) == appearance(cell) => *last = at,
                _ => runs.push((at, at, cell)),
            }
        }
        let (text, row) = (row(buffer, area, y, &runs).join(" · "), y - area.y);
        match lines.last_mut() {
            _ if text.is_empty() => {}
            Some((_, last, like)) if *like == text && *last + 1 == row => *last = row,
            _ => lines.push((row, row, text)),
        }
    }
    let mut out = String::new();
    for (first, last, text) in lines {
        let rows = if first == last { format!("{first}") } else { format!("{first}-{last}") };
        let _ = writeln!(out, "{rows:>5}: {text}");
    }
    if out.is_empty() { "none\n".into() } else { out }
}

fn appearance(cell: &Cell) -> (Color, Color, Modifier) {
    // The foreground of a blank is invisible.
    let blank = cell.symbol() == " " && !cell.modifier.contains(Modifier::REVERSED);
    (if blank { Color::Reset } else { cell.fg }, cell.bg, cell.modifier)
}

fn row(buffer: &Buffer, area: Rect, y: u16, runs: &[Run]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut index = 0;
    while index < runs.len() {
        let short = |run: &&Run| run.1 - run.0 < SHORT_RUN;
        let picture = runs[index..].iter().take_while(short).count();
        let coloured =
            runs[index..index + picture].iter().any(|run| appearance(run.2).0 != Color::Reset);
        if picture >= PICTURE && coloured {
            let (first, last) = (runs[index].0, runs[index + picture - 1].1);
            let cells = || (first..=last).map(|x| &buffer[(area.x + x, y)]);
            let ink: String = cells().map(|cell| tone(appearance(cell).0)).collect();
            let paper: String = cells().map(|cell| tone(cell.bg)).collect();
            let paper =
                if paper.chars().all(|c| c == '.') { "" } else { &format!(" paper {paper}") };
            parts.push(format!("{first}-{last} ink {ink}{paper}"));
            index += picture;
            continue;
        }
        let (first, last, cell) = runs[index];
        let style = style(cell);
        if !style.is_empty() {
            parts.push(format!("{first}-{last} {style}"));
        }
        index += 1;
    }
    parts
}

fn style(cell: &Cell) -> String {
    let (fg, bg, modifier) = appearance(cell);
    let mut words = Vec::new();
    if fg != Color::Reset {
        words.push(name(fg));
    }
    if bg != Color::Reset {
        words.push(format!("on {}", name(bg)));
    }
    let names = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
        (Modifier::ITALIC, "italic"),
    ];
    words.extend(names.iter().filter(|(one, _)| modifier.contains(*one)).map(|(_, n)| (*n).into()));
    words.join(" ")
}

fn name(color: Color) -> String {
    match color {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(index) => format!("{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// A character for a colour: its lightness, and whether it is grey, cold or warm.
fn tone(color: Color) -> char {
    let [r, g, b] = match color {
        Color::Reset => return '.',
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) => fixed(index),
        named => named_rgb(named),
    }
    .map(f32::from);
    let light = (0.2126 * r + 0.7152 * g + 0.0722 * b) / 25.6;
    let chroma = r.max(g).max(b) - r.min(g).min(b);
    let start = match () {
        () if chroma < 32.0 => b'0',
        () if r > b => b'A',
        () => b'a',
    };
    char::from(start + (light as u8).min(9))
}

/// The RGB value of one of xterm's 240 fixed colours.
fn fixed(index: u8) -> [u8; 3] {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match index {
        0..=15 => [u8::MAX; 3],
        16..=231 => [36, 6, 1].map(|step| LEVELS[usize::from((index - 16) / step % 6)]),
        232.. => [8 + 10 * (index - 232); 3],
    }
}

fn named_rgb(color: Color) -> [u8; 3] {
    match color {
        Color::Black => [0, 0, 0],
        Color::DarkGray => [100, 100, 100],
        Color::Gray => [180, 180, 180],
        Color::White => [255, 255, 255],
        Color::Red => [180, 0, 0],
        Color::LightRed => [255, 80, 80],
        Color::Green => [0, 160, 0],
        Color::LightGreen => [80, 255, 80],
        Color::Yellow => [180, 160, 0],
        Color::LightYellow => [255, 255, 80],
        Color::Blue => [0, 0, 180],
        Color::LightBlue => [80, 80, 255],
        Color::Magenta => [160, 0, 160],
        Color::LightMagenta => [255, 80, 255],
        Color::Cyan => [0, 160, 180],
        Color::LightCyan => [80, 240, 255],
        other => panic!("{other:?} has no name"),
    }
}

/// The smallest area in which two screens of the same size differ.
pub fn changed_area(before: &Buffer, after: &Buffer) -> Rect {
    let differing = after.area.positions().filter(|&at| before[at] != after[at]);
    differing.map(|at| Rect::new(at.x, at.y, 1, 1)).reduce(Rect::union).unwrap_or_default()
}

#[test]
fn colours_are_written_as_runs_and_pictures() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 24, 3));
    let bold = Style::default().fg(Color::Rgb(1, 2, 255)).add_modifier(Modifier::BOLD);
    buffer.set_string(2, 0, "title", bold);
    buffer.set_string(0, 1, "plain", Style::default());
    for x in 0..8_u8 {
        let style = Style::default().fg(Color::Rgb(30 * x, 30 * x, 30 * x)).bg(Color::Indexed(208));
        buffer.set_string(4 + u16::from(x), 2, "▀", style);
    }
    let expected = "    0: 2-6 #0102ff bold\n    2: 4-11 ink 01234578 paper FFFFFFFF\n";
    assert_eq!(colours(&buffer, buffer.area), expected);
}
