//! Every view, drawn from a canned run: compared with golden screens, and drawn at all small sizes.
//!
//! The golden file of a scene contains the body of the screen, without header, tabs and footer, on
//! every terminal and at every size. Header, tabs, footer and the overlays are in `chrome.txt`, so
//! that a new view only adds its own file and changes that one.
//!
//! `NNTOP_BLESS=1 cargo test --test integration screens` rewrites the golden files; with
//! `NNTOP_PICTURES=DIR` every screen is also written to that directory as SVG.

use super::canned::{self, Dashboard};
use super::golden::{Golden, changed_area, folder};
use super::languages::CHINESE;
use crossterm::event::KeyCode;
use nntop::protocol::RunView;
use nntop::ui::{ColorDepth, Language, Theme, svg};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

const SIZES: &[(u16, u16)] = &[(40, 12), (80, 24), (120, 40)];

const fn theme(depth: ColorDepth, light: bool, unicode: bool) -> Theme {
    Theme { depth, light, unicode, language: Language::English }
}

/// A terminal whose screens are compared.
pub struct Terminal {
    pub name: &'static str,
    pub theme: Theme,
    pub sizes: &'static [(u16, u16)],
    /// Whether colours are compared at 80×24, too.
    pub colours: bool,
}

const fn terminal(
    name: &'static str,
    theme: Theme,
    sizes: &'static [(u16, u16)],
    colours: bool,
) -> Terminal {
    Terminal { name, theme, sizes, colours }
}

const ONE_SIZE: &[(u16, u16)] = &[(80, 24)];

pub const TERMINALS: &[Terminal] = &[
    terminal("truecolor, dark", theme(ColorDepth::True, false, true), SIZES, true),
    terminal("truecolor, light", theme(ColorDepth::True, true, true), ONE_SIZE, true),
    terminal("256 colours", theme(ColorDepth::Ansi256, false, true), ONE_SIZE, true),
    terminal("16 colours, dark", theme(ColorDepth::Ansi16, false, true), ONE_SIZE, true),
    terminal("16 colours, light", theme(ColorDepth::Ansi16, true, true), ONE_SIZE, true),
    terminal("no colours", theme(ColorDepth::None, false, true), ONE_SIZE, true),
    terminal("Chinese", CHINESE, SIZES, false),
    terminal("ASCII", theme(ColorDepth::None, false, false), ONE_SIZE, false),
];

/// Every terminal and size with the title of its section.
pub fn sections() -> impl Iterator<Item = (String, &'static Terminal, (u16, u16))> {
    let sizes = |terminal: &'static Terminal| terminal.sizes.iter().map(move |s| (terminal, *s));
    TERMINALS.iter().flat_map(sizes).map(|(terminal, size)| {
        (format!("{} · {}×{}", terminal.name, size.0, size.1), terminal, size)
    })
}

/// A golden screen: its name, the run, and the keys that lead to it.
pub type Scene = (&'static str, fn() -> RunView, &'static [KeyCode]);

fn dense() -> RunView {
    canned::run(false)
}

fn convolutional() -> RunView {
    canned::run(true)
}

fn book() -> RunView {
    let mut run = canned::run(false);
    for event in canned::figures() {
        run.apply(&event);
    }
    run
}

const fn key(character: char) -> KeyCode {
    KeyCode::Char(character)
}

/// The keys of all views.
const VIEWS: &str = "123456789D0";

pub const SCENES: &[Scene] = &[
    ("overview", dense, &[]),
    ("curves", dense, &[key('2')]),
    ("weights", dense, &[key('3')]),
    ("weights-one", dense, &[key('3'), KeyCode::Right, KeyCode::Enter]),
    ("weights-deep", dense, &[key('3'), key('>')]),
    ("weights-filters", convolutional, &[key('3')]),
    ("digits", dense, &[key('4')]),
    ("digits-wrong", dense, &[key('4'), key('w')]),
    ("digits-sheet", dense, &[key('4'), KeyCode::Enter]),
    ("confusion", dense, &[key('5'), KeyCode::Right, KeyCode::Down]),
    ("gradients", dense, &[key('6')]),
    ("network", dense, &[key('7')]),
    ("network-unit", dense, &[key('7'), KeyCode::Enter]),
    ("network-maps", convolutional, &[key('7'), KeyCode::Left, KeyCode::Left, KeyCode::Left]),
    ("features", convolutional, &[key('8'), KeyCode::Right]),
    ("features-vector", dense, &[key('8'), KeyCode::Down]),
    ("book-chart", book, &[key('9'), KeyCode::Home]),
    ("book-surface", book, &[key('9'), KeyCode::Home, KeyCode::Right]),
    ("book-bars", book, &[key('9'), KeyCode::Home, KeyCode::Right, KeyCode::Right]),
    ("book-images", book, &[key('9'), KeyCode::End, KeyCode::Left]),
    ("book-text", book, &[key('9')]),
    ("draw-blank", dense, &[key('D')]),
    ("draw-test-image", dense, &[key('D'), key('t')]),
    (
        "draw-strokes",
        dense,
        &[
            key('D'),
            key('b'),
            KeyCode::Enter,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Right,
            KeyCode::Right,
            key('x'),
        ],
    ),
    (
        "draw-damaged",
        dense,
        &[
            key('D'),
            key('t'),
            key('a'),
            KeyCode::Right,
            KeyCode::Right,
            KeyCode::Right,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Left,
            KeyCode::Down,
            KeyCode::End,
        ],
    ),
    ("draw-help", dense, &[key('D'), key('?')]),
    ("explore", dense, &[key('0')]),
    ("explore-circuit", dense, &[key('0'), key('>'), key('>'), KeyCode::Down, KeyCode::Enter]),
    ("explore-moved", dense, &[key('0'), key('>'), key('>'), key('>'), KeyCode::Right]),
    ("explore-list", dense, &[key('0'), key('o'), KeyCode::End]),
    ("scrubbed", dense, &[key('5'), key('['), key('['), key('[')]),
    ("help", dense, &[key('?')]),
];

fn show(scene: &Scene, theme: Theme, (width, height): (u16, u16)) -> Buffer {
    let mut dashboard = Dashboard::new(theme, scene.1());
    dashboard.screen(width, height);
    for &code in scene.2 {
        dashboard.press(code);
        dashboard.screen(width, height);
    }
    dashboard.screen(width, height)
}

/// Writes a screen as SVG, if pictures were requested.
pub fn save_picture(name: &str, buffer: &Buffer, theme: Theme) {
    if let Some(directory) = env::var_os("NNTOP_PICTURES") {
        let path = Path::new(&directory).join(format!("{name}.svg"));
        fs::write(path, svg(buffer, theme)).unwrap();
    }
}

/// The screen without header, tabs and footer.
fn body(screen: Rect) -> Rect {
    Rect { y: 2, height: screen.height - 3, ..screen }
}

/// Adds the body of a screen to a golden file.
pub fn add_body(
    golden: &mut Golden,
    title: &str,
    terminal: &Terminal,
    size: (u16, u16),
    screen: &Buffer,
) {
    golden.add(title, screen, body(screen.area), terminal.colours && size == ONE_SIZE[0]);
}

/// Whether a scene is an overlay rather than a view.
fn is_window(scene: &Scene) -> bool {
    scene.0.contains("help")
}

#[test]
fn every_view_matches_its_golden_screens() {
    let mut different = Vec::new();
    for scene in SCENES.iter().filter(|scene| !is_window(scene)) {
        let mut golden = Golden::default();
        for (title, terminal, size) in sections() {
            let screen = show(scene, terminal.theme, size);
            let name = format!("{}-{title}", scene.0).replace([' ', ',', '·'], "");
            save_picture(&name, &screen, terminal.theme);
            add_body(&mut golden, &title, terminal, size, &screen);
        }
        different.extend(golden.difference(scene.0));
    }
    assert!(different.is_empty(), "bless with NNTOP_BLESS=1 if right:\n{}", different.join("\n"));
}

/// Scenes for header, tabs and footer.
const FRAMES: [Scene; 2] = [("now", dense, &[]), ("at an epoch", dense, &[key('['), key('[')])];

#[test]
fn frame_and_overlays_match_their_golden_screens() {
    let mut golden = Golden::default();
    for (title, terminal, size) in sections() {
        let with_colours = terminal.colours && size == ONE_SIZE[0];
        for scene in FRAMES {
            let screen = show(&scene, terminal.theme, size);
            let line = |y| Rect { y, height: 1, ..screen.area };
            let mut frame = Buffer::empty(Rect { height: 3, ..screen.area });
            for (row, y) in (0..).zip([0, 1, screen.area.height - 1]) {
                for at in line(y).positions() {
                    frame[(at.x, row)] = screen[at].clone();
                }
            }
            golden.add(&format!("{title} · {}", scene.0), &frame, frame.area, with_colours);
        }
        for scene in SCENES.iter().filter(|scene| is_window(scene)) {
            let (_, keys) = scene.2.split_last().unwrap();
            let without = show(&(scene.0, scene.1, keys), terminal.theme, size);
            let screen = show(scene, terminal.theme, size);
            let window = changed_area(&without, &screen);
            golden.add(&format!("{title} · {}", scene.0), &screen, window, with_colours);
        }
    }
    let different = golden.difference("chrome");
    assert!(different.is_none(), "bless with NNTOP_BLESS=1 if right:\n{}", different.unwrap());
}

#[test]
fn every_golden_file_is_used() {
    let scenes = SCENES.iter().filter(|scene| !is_window(scene)).map(|scene| scene.0);
    let read = super::reading::SCENES.iter().map(|scene| scene.0);
    let known: BTreeSet<String> =
        scenes.chain(read).chain(["chrome"]).map(|name| format!("{name}.txt")).collect();
    let files = fs::read_dir(folder()).unwrap();
    let there: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, known);
    assert!(there.len() <= 60);
}

#[test]
fn any_size_can_be_drawn_on_any_terminal() {
    let plain = theme(ColorDepth::None, true, false);
    for scene in SCENES {
        for theme in [Theme::default(), plain] {
            let mut dashboard = Dashboard::new(theme, scene.1());
            for &code in scene.2 {
                dashboard.press(code);
                dashboard.screen(80, 24);
            }
            let widths = (0..=13).chain([16, 21, 30]);
            for (width, height) in widths.flat_map(|w| (0..=15).map(move |h| (w, h))) {
                let buffer = dashboard.draw(width, height);
                let ascii = buffer.content.iter().all(|cell| cell.symbol().is_ascii());
                assert!(theme.unicode || ascii, "{} at {width}×{height}", scene.0);
            }
            dashboard.screen(1, 1);
        }
    }
}

#[test]
fn an_empty_run_can_be_drawn() {
    for view in VIEWS.chars() {
        let mut dashboard = Dashboard::new(Theme::default(), RunView::default());
        dashboard.press(key(view));
        for code in [KeyCode::Down, KeyCode::Right, KeyCode::End, KeyCode::Enter, key('>')] {
            dashboard.press(code);
            for (width, height) in [(1, 1), (40, 12), (120, 40)] {
                dashboard.draw(width, height);
            }
        }
    }
}

#[test]
fn any_sequence_of_keys_can_be_drawn() {
    let codes = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Enter,
        KeyCode::Esc,
        key('<'),
        key('>'),
        key('w'),
        key('o'),
        key(' '),
        key('t'),
        key('a'),
        key('u'),
        key('['),
        key(']'),
    ];
    for convolutional in [false, true] {
        for view in VIEWS.chars() {
            let mut dashboard = Dashboard::new(Theme::default(), canned::run(convolutional));
            dashboard.press(key(view));
            for step in 0..90_usize {
                // A sequence that contains every pair of keys.
                let at = (step * step * 31 + step * 7) % 65_537 % codes.len();
                dashboard.press(codes[at]);
                let (width, height) = [(80, 24), (40, 12), (7, 3), (120, 40)][step % 4];
                dashboard.screen(width, height);
            }
        }
    }
}
