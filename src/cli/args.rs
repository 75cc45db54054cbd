//! The arguments of commands. What they mean is the contract that scripts rely on.

use super::data::{DataArgs, size};
use super::import::ImportArgs;
use super::spec_args::{SpecArgs, count};
use clap::Args;
use std::path::PathBuf;

/// What `train --help` ends with.
const TRAIN_HELP: &str = "\
Examples:
  nntop train                                   # chapter 1's network, live
  nntop train --hidden 100 --cost cross-entropy --lr 0.5 --lambda 5
  nntop train --layers conv20x5-pool2-dense100-softmax10 --epochs 10
  nntop train --preset fast99                   # beyond the book
  nntop train --detach --name night --save night.safetensors
  nntop train --headless --json > night.jsonl   # for scripts
  nntop train --data ~/fashion-mnist --epochs 5";

#[derive(Debug, Default, Args)]
#[command(after_help = TRAIN_HELP)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// Bring the images of --data to this width and height [default: their own, or the commonest]
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Recipe")]
    pub(super) size: Option<(u32, u32)>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Train so many networks, from --seed and the seeds after it, and save them as one model that
    /// votes
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(super) ensemble: Option<u32>,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Write the model here when the run ends (.safetensors, or .json as network2.py); a symbolic
    /// link stays, and what it leads to is written, also where that is not there yet
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Write a checkpoint every N epochs, and when the run ends
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(super) checkpoint_every: Option<u32>,
    /// Where checkpoints go, a directory of no other run [default: the run's own; without a session
    /// one beside --save, else nntop-checkpoints]
    #[arg(long, value_name = "DIR", requires = "checkpoint_every")]
    pub(super) checkpoints: Option<PathBuf>,
    /// Go on from a checkpoint (or the newest of a directory) to the very bytes of a run that was
    /// never interrupted; only --epochs, --threads and --data may differ
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spec", "preset"])]
    pub(super) resume: Option<PathBuf>,
    /// Start from the trained weights of a model, checkpoint or run, by its recipe; arguments
    /// override the recipe
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["spec", "preset", "resume", "ensemble", "also"])]
    pub(super) from: Option<PathBuf>,
    /// Start anew by the recipe of a run (or model); arguments override it
    #[arg(long, value_name = "RUN", conflicts_with_all = ["spec", "preset", "resume"])]
    pub(super) like: Option<PathBuf>,
}

/// Where a run lives that has a terminal.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArgs {
    /// Keep the run in this process: it ends with its terminal
    #[arg(long)]
    pub(super) inline: bool,
    /// Start the run without showing it, and print its name
    #[arg(long, conflicts_with_all = ["inline", "headless", "json"])]
    pub(super) detach: bool,
    /// What to call the run [default: two words that are easy to tell apart]
    #[arg(long, conflicts_with_all = ["inline", "headless", "json"])]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Print lines instead of drawing, also on a terminal
    #[arg(long)]
    pub(super) headless: bool,
    /// Print one JSON object a line; implies --headless
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Fewer epochs, and of convolutional networks parts of them
    #[arg(long)]
    pub(super) quick: bool,
    /// Only networks whose text contains this, such as `conv` or `784,30`; `frame` for the dashboard
    #[arg(long, value_name = "TEXT")]
    pub(super) only: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// What `picture --help` ends with.
const PICTURE_HELP: &str = "\
Examples:
  nntop picture night.png                       # train, then draw
  nntop picture night overview.svg              # draw the run `night`
  nntop picture night wrong.txt --keys 4w --size 80x24";

#[derive(Debug, Args)]
#[command(allow_missing_positional = true, after_help = PICTURE_HELP)]
pub(super) struct PictureArgs {
    /// A run's name or id, or a model's file [default: train one as the recipe says]
    #[arg(conflicts_with = "SpecArgs")]
    pub(super) run: Option<String>,
    /// Where the picture goes: .png, .svg or .txt
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// Keys to type before the picture is taken, such as `4w→`
    #[arg(long, default_value = "")]
    pub(super) keys: String,
    /// Columns and rows
    #[arg(long, default_value = "120x40", value_name = "WxH")]
    pub(super) size: String,
}

#[derive(Debug, Args)]
pub(super) struct ExploreArgs {
    /// An explorable's id, or how only one begins [default: list them]
    pub(super) id: Option<String>,
    /// Print one JSON object a line: the list, or an explorable's figures at their defaults
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BrowseArgs {
    /// A model written by --save, `nntop ensemble` or network2.py (.json), a checkpoint, or a run
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
}

#[derive(Debug, Args)]
pub(super) struct EnsembleArgs {
    /// Where the ensemble goes (.safetensors)
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Models, checkpoints or runs of the same images and classes
    #[arg(required = true, value_name = "MODEL")]
    pub(super) models: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// A model written by --save or network2.py (.json), a checkpoint, or a run
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    /// A model written by --save or network2.py (.json), a checkpoint, or a run
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    /// Width and height of the images that a model of another program takes
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Models of other programs")]
    pub(super) size: Option<(u32, u32)>,
    /// Pictures of one digit each (PNG, JPEG, PGM, WebP, GIF, BMP or TIFF; - for standard input),
    /// dark on light or light on dark
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// Print one JSON object a picture
    #[arg(long)]
    pub(super) json: bool,
    /// Draw each digit as the network saw it
    #[arg(long, conflicts_with = "json")]
    pub(super) show: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// A model written by --save or network2.py (.json), a checkpoint, or a run
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    /// Width and height of the images that a model of another program takes
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Models of other programs")]
    pub(super) size: Option<(u32, u32)>,
    /// A picture of lines of digits, touching ones too (PNG, JPEG, PGM, WebP, GIF, BMP or
    /// TIFF; - for standard input)
    pub(super) image: PathBuf,
    /// Show how it was read: cuts, pieces, scores, and the ways that came second
    #[arg(long, conflicts_with = "json")]
    pub(super) show: bool,
    /// Print one JSON object, with the place of every digit and the best ways to cut
    #[arg(long)]
    pub(super) json: bool,
}
