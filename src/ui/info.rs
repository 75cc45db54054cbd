//! The page about a run: its recipe, its data, the machine and the directory.

use super::numbers::thousands;
use super::setup::Setup;
use crate::protocol::RunView;

/// Names and values in the order of the page, in the reader's language.
#[must_use]
pub fn lines(run: &RunView, setup: &Setup) -> Vec<(String, String)> {
    let theme = &setup.theme;
    let Some(info) = &run.info else { return Vec::new() };
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push((theme.say(name).to_string(), value));
        }
    };
    let count = |count: f64| thousands(count);
    line("run", setup.name.clone());
    line("directory", setup.run_directory.clone());
    line("title", info.title.clone());
    line("network", info.network.clone());
    for (index, layer) in (1_u32..).zip(&info.layers) {
        let name = theme.fill("layer {}", &[&index]);
        let learned = count((layer.weights + layer.biases) as f64);
        let parts = [layer.name.clone(), layer.activation.clone()];
        let mut parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if layer.weights > 0 {
            parts.push(theme.fill("{} weights and biases", &[&learned]));
        }
        line(&name, parts.join(" · "));
    }
    if !info.network.is_empty() {
        line("parameters", count(info.parameters as f64));
        line("cost", theme.say(&info.cost).into());
        line("optimizer", info.optimizer.clone());
        line("learning rate", format!("{}", info.learning_rate));
        line("momentum", format!("{}", info.momentum));
        line("regularization", format!("{} {}", info.regularizer, info.regularization));
        line("schedule", info.schedule.clone());
        line("mini-batch", format!("{}", info.batch_size));
        line("epochs", format!("{}", info.epochs));
    }
    line("seed", format!("{}", info.seed));
    line("data", info.data.clone());
    let sizes = [info.train_size, info.validation_size, info.test_size].map(f64::from).map(count);
    if info.train_size > 0 {
        let text = "{} for training, {} for validation, {} for the test";
        line("images", theme.fill(text, &[&sizes[0], &sizes[1], &sizes[2]]));
    }
    line("threads", format!("{}", info.threads));
    line("machine", setup.machine.clone());
    lines
}
