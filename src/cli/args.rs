//! The arguments of the commands. Scripts rely on them, so none is renamed or changes its meaning.

use super::data::{DataArgs, size};
use super::import::ImportArgs;
use super::spec_args::{SpecArgs, count};
use clap::Args;
use std::path::PathBuf;

/// The end of `train --help`.
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
    /// Resize the images of --data to this size [default: their own, or the most common one]
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Recipe")]
    pub(super) size: Option<(u32, u32)>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Train N networks, with --seed and the seeds after it, and save them as one ensemble, which
    /// decides by majority
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(super) ensemble: Option<u32>,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Save the model to FILE when the run ends (.safetensors, or .json in network2.py's format); a
    /// symbolic link is followed, even if its target does not exist yet
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,
    /// Write a checkpoint every N epochs and at the end of the run
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(super) checkpoint_every: Option<u32>,
    /// Directory for checkpoints, used by no other run [default: the run's own; without a session
    /// one beside --save, else nntop-checkpoints]
    #[arg(long, value_name = "DIR", requires = "checkpoint_every")]
    pub(super) checkpoints: Option<PathBuf>,
    /// Continue from a checkpoint, or from the newest one in a directory; the result is identical
    /// to that of an uninterrupted run. Only --epochs, --threads and --data may differ
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spec", "preset"])]
    pub(super) resume: Option<PathBuf>,
    /// Start from the trained weights and the recipe of a model, checkpoint or run; other arguments
    /// override the recipe
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["spec", "preset", "resume", "ensemble", "also"])]
    pub(super) from: Option<PathBuf>,
    /// Start a new run with the recipe of a run or model; other arguments override it
    #[arg(long, value_name = "RUN", conflicts_with_all = ["spec", "preset", "resume"])]
    pub(super) like: Option<PathBuf>,
}

/// The session of a run that is started from a terminal.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArgs {
    /// Run in this process instead of a session: the run ends with the terminal
    #[arg(long)]
    pub(super) inline: bool,
    /// Start the run in the background and print its name
    #[arg(long, conflicts_with_all = ["inline", "headless", "json"])]
    pub(super) detach: bool,
    /// Name of the run [default: two random words]
    #[arg(long, conflicts_with_all = ["inline", "headless", "json"])]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Print lines instead of drawing the dashboard, even on a terminal
    #[arg(long)]
    pub(super) headless: bool,
    /// Print one JSON object per line; implies --headless
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Train fewer epochs, and only part of an epoch for convolutional networks
    #[arg(long)]
    pub(super) quick: bool,
    /// Only networks whose layers contain this text, such as `conv` or `784,30`; `frame` for the
    /// dashboard
    #[arg(long, value_name = "TEXT")]
    pub(super) only: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// The end of `picture --help`.
const PICTURE_HELP: &str = "\
Examples:
  nntop picture night.png                       # train, then draw
  nntop picture night overview.svg              # draw the run `night`
  nntop picture night wrong.txt --keys 4w --size 80x24";

#[derive(Debug, Args)]
#[command(allow_missing_positional = true, after_help = PICTURE_HELP)]
pub(super) struct PictureArgs {
    /// Name or id of a run, a model file, or logs of any tool: a file or a directory [default:
    /// train a network with the given recipe]
    #[arg(conflicts_with = "SpecArgs")]
    pub(super) run: Option<String>,
    /// File to write: .png, .svg or .txt
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) spec: SpecArgs,
    /// Keys to press before the picture is taken, such as `4w→`
    #[arg(long, default_value = "")]
    pub(super) keys: String,
    /// Size in columns and rows
    #[arg(long, default_value = "120x40", value_name = "WxH")]
    pub(super) size: String,
}

#[derive(Debug, Args)]
pub(super) struct ExploreArgs {
    /// Id of an explorable, or a unique prefix of it [default: list all]
    pub(super) id: Option<String>,
    /// Print one JSON object per line: the list, or the figures of an explorable at its defaults
    #[arg(long)]
    pub(super) json: bool,
}

/// The end of `browse --help`.
const BROWSE_HELP: &str = "\
Examples:
  nntop browse night.safetensors
  nntop browse resnet.safetensors --layers conv16x3-pool2-dense64-softmax10 --data ~/cifar-10
  nntop browse --predictions predictions.csv    # label,prediction,path
  nntop browse --predictions preds.npz --data ~/fashion-mnist   # labels, probs; pictures from --data";

#[derive(Debug, Args)]
#[command(after_help = BROWSE_HELP)]
pub(super) struct BrowseArgs {
    /// A model written by --save, `nntop ensemble` or network2.py (.json), a checkpoint, or a run
    #[arg(required_unless_present = "predictions")]
    pub(super) model: Option<PathBuf>,
    /// Show the predictions of any classifier instead: a table (CSV, .npz or parquet) with one
    /// image per row: its true label, the predicted label or class probabilities, and the pixels or
    /// a path
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "ImportArgs"])]
    pub(super) predictions: Option<PathBuf>,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
}

#[derive(Debug, Args)]
pub(super) struct EnsembleArgs {
    /// File to write (.safetensors)
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Models, checkpoints or runs trained on the same image size and classes
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
    /// Input width and height of a model from another program
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Models of other programs")]
    pub(super) size: Option<(u32, u32)>,
    /// Pictures of one digit each (PNG, JPEG, PGM, WebP, GIF, BMP or TIFF; - for standard input),
    /// dark on light or light on dark
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// Print one JSON object per picture
    #[arg(long)]
    pub(super) json: bool,
    /// Draw each digit as it is passed to the network
    #[arg(long, conflicts_with = "json")]
    pub(super) show: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// A model written by --save or network2.py (.json), a checkpoint, or a run
    pub(super) model: PathBuf,
    #[command(flatten)]
    pub(super) import: ImportArgs,
    /// Input width and height of a model from another program
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Models of other programs")]
    pub(super) size: Option<(u32, u32)>,
    /// A picture of one or more lines of digits, which may touch (PNG, JPEG, PGM, WebP, GIF, BMP or
    /// TIFF; - for standard input)
    pub(super) image: PathBuf,
    /// Show how it was read: cuts, pieces, scores and the next best readings
    #[arg(long, conflicts_with = "json")]
    pub(super) show: bool,
    /// Print one JSON object with the position of every digit and the best readings
    #[arg(long)]
    pub(super) json: bool,
}
