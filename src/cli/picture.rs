//! `nntop picture`: writes a picture of a run's dashboard.

use super::args::PictureArgs;
use super::display::DisplayArgs;
use super::error::Usage;
use super::model_arg;
use super::offscreen::Offscreen;
use super::run_source;
use super::sessions::attached;
use super::setup;
use crate::catalog::{Catalog, recognise_file};
use crate::protocol::RunSource;
use crate::session::{Home, PlaceError};
use crate::spec::dataset;
use crate::train::{RunOptions, open_model};
use crate::ui::{DashboardSetup, Language, Theme, ViewId, png, svg, text};
use anyhow::Context;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// File format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PictureFormat {
    Png,
    Svg,
    Text,
}

impl PictureFormat {
    /// The format for the file's extension.
    fn of(file: &Path) -> Result<Self, Usage> {
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            Some("txt" | "text") => Ok(Self::Text),
            _ => {
                let problem = format!(
                    "{}: the extension selects the format: give .png, .svg or .txt",
                    file.display()
                );
                Err(Usage::value("<FILE>", problem))
            }
        }
    }

    /// The theme to draw with.
    fn theme(self, display: &DisplayArgs) -> Result<Theme, Usage> {
        match self {
            Self::Text => Ok(display.text_theme()),
            Self::Svg => Ok(display.picture_theme()),
            Self::Png if display.picture_theme().language() != Language::English => {
                let problem = "the font for .png has no Chinese characters; use .svg or --lang en";
                Err(Usage::value("<FILE>", problem))
            }
            Self::Png => Ok(display.picture_theme()),
        }
    }

    fn write(self, buffer: &Buffer, theme: Theme) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Png => png(buffer, theme)?,
            Self::Svg => svg(buffer, theme).into_bytes(),
            Self::Text => text(buffer).into_bytes(),
        })
    }
}

/// Opens or trains a run, presses the keys, draws, and writes the file.
pub(super) fn run(args: &PictureArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let format = PictureFormat::of(&args.file)?;
    let theme = format.theme(display)?;
    let (columns, rows) = size(&args.size)?;
    let area = Rect::new(0, 0, columns, rows);
    let mut screen = if let Some(name) = &args.run {
        open(name, theme, display, area)?
    } else {
        let setup = DashboardSetup { theme, ..setup::of_process(display) };
        Offscreen::train(args.spec.assemble()?.spec, RunOptions::default(), setup, area)?
    };
    screen.type_keys(&args.keys)?;
    screen.draw();
    let picture = format.write(&screen.buffer, theme)?;
    std::fs::write(&args.file, picture)
        .with_context(|| format!("{}: cannot be written", args.file.display()))?;
    screen.finish();
    Ok(ExitCode::SUCCESS)
}

/// Opens a run by its name, a saved model by its file, or logs by their file or directory.
fn open(name: &str, theme: Theme, display: &DisplayArgs, area: Rect) -> anyhow::Result<Offscreen> {
    let path = Path::new(name);
    let run = match Home::of_user()?.find(name) {
        Ok(run) => run,
        Err(PlaceError::Unknown(_)) if model_arg::run_of(path).is_none() && is_log(path) => {
            let mut catalog = Catalog::new(vec![PathBuf::from(name)]);
            catalog.load(true);
            let runs = Some(run_source::loaded(catalog)? as Arc<dyn RunSource>);
            let setup =
                DashboardSetup { theme, runs, view: ViewId::Compare, ..DashboardSetup::default() };
            return Offscreen::attached(run_source::silent(), setup, area);
        }
        Err(error @ (PlaceError::Unknown(_) | PlaceError::Ambiguous { .. })) => {
            match model_arg::run_of(path) {
                Some(run) => run,
                None if path.exists() => return model(path, theme, display, area),
                None => return Err(Usage::because(error).into()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    let (link, notice) = attached::open_read_only(&run)?;
    Offscreen::attached(
        link,
        DashboardSetup { theme, notice, ..setup::of_run(&run, display) },
        area,
    )
}

/// Whether a path is a directory, or a log of a known format.
fn is_log(path: &Path) -> bool {
    path.is_dir() || (path.is_file() && recognise_file(path, true).verdict.format().is_some())
}

/// Opens a saved model or a checkpoint.
fn model(
    path: &Path,
    theme: Theme,
    display: &DisplayArgs,
    area: Rect,
) -> anyhow::Result<Offscreen> {
    let usage = |error: String| Usage::value("[RUN]", error);
    let model = model_arg::load(path)?;
    let networks = Some(model.members.count() as u32);
    let data = model.split(dataset::load(model.spec()).map_err(usage)?);
    let handle = open_model(model, data).map_err(|error| usage(error.to_string()))?;
    Offscreen::in_process(
        handle,
        DashboardSetup { theme, model: networks, ..setup::of_process(display) },
        area,
    )
}

/// Parses a size such as `120x40`.
pub(super) fn size(text: &str) -> Result<(u16, u16), Usage> {
    let sides = text
        .split_once('x')
        .and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    sides
        .filter(|&(columns, rows)| (1..=500).contains(&columns) && (1..=500).contains(&rows))
        .ok_or_else(|| {
            Usage::value("--size", format!("{text}: give columns and rows, such as 120x40"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_selects_the_format() {
        let of = |file: &str| PictureFormat::of(Path::new(file));
        assert_eq!(of("a.png").unwrap(), PictureFormat::Png);
        assert_eq!(of("A.SVG").unwrap(), PictureFormat::Svg);
        assert_eq!(of("dir.png/a.txt").unwrap(), PictureFormat::Text);
        for file in ["a.jpg", "a", "a.png.bak", ".png", "a.", "a.pdf"] {
            assert!(of(file).unwrap_err().to_string().contains(".svg"), "{file}");
        }
    }
}
