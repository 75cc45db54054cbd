//! The recipe of a run as names and values.

use super::numbers::thousands;
use super::theme::Theme;
use crate::protocol::RunInfo;

/// Names and values of the recipe, translated.
#[must_use]
pub fn of_recipe(info: &RunInfo, theme: &Theme) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push((theme.say(name).to_string(), value));
        }
    };
    let count = |count: f64| thousands(count);
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
        line("initial weights", theme.say(&info.init).into());
        line("cost", theme.say(&info.cost).into());
        line("optimizer", info.optimizer.clone());
        line("learning rate", format!("{}", info.learning_rate));
        line("momentum", format!("{}", info.momentum));
        let regularization = match info.regularizer.as_str() {
            "none" => theme.say("none").into(),
            name => format!("{name} λ {}", info.regularization),
        };
        line("regularization", regularization);
        line("dropout", format!("{}", info.dropout));
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
    line("more images by", info.expand.join(", "));
    if info.all_images {
        line("validation", theme.say("its images are also used for training").into());
    }
    if info.threads > 0 {
        line("threads", format!("{}", info.threads));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_contains_the_whole_recipe() {
        let info = RunInfo {
            network: "784,30,10".into(),
            init: "scaled".into(),
            dropout: 0.25,
            regularizer: "l2".into(),
            regularization: 5.0,
            batch_size: 7,
            seed: 11,
            ..RunInfo::default()
        };
        let lines = of_recipe(&info, &Theme::default());
        for (name, value) in [
            ("initial weights", "scaled"),
            ("dropout", "0.25"),
            ("regularization", "l2 λ 5"),
            ("mini-batch", "7"),
            ("seed", "11"),
        ] {
            assert!(lines.contains(&(name.into(), value.into())), "{name} in {lines:?}");
        }
    }
}
