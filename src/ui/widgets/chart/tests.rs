use super::*;
use crate::ui::numbers::short;
use std::collections::HashSet;

fn chart(lines: Vec<ChartLine>) -> LineChart<'static> {
    LineChart {
        lines,
        marks: Vec::new(),
        x_label: "epoch",
        x_unit: AxisUnit::Whole,
        y_unit: AxisUnit::Plain,
        value_text: short,
        log: false,
        log_x: false,
        highest: None,
        fixed: None,
        theme: Theme::default(),
    }
}

fn line(name: &str, series: usize, y: impl Fn(f64) -> f64) -> ChartLine {
    ChartLine {
        name: name.into(),
        points: (1..=30).map(f64::from).map(|x| (x, y(x))).collect(),
        style: Theme::default().series(series),
        ..ChartLine::default()
    }
}

fn draw(chart: &LineChart, state: &mut ChartState, width: u16, height: u16) -> Vec<String> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    chart.draw(buffer.area, &mut buffer, state);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(row).collect()
}

#[test]
fn the_x_axis_has_at_least_five_ticks_if_they_fit() {
    for width in [38, 58, 118] {
        let chart = chart(vec![line("a", 0, f64::sqrt)]);
        let rows = draw(&chart, &mut ChartState::default(), width, 15);
        let labels: Vec<&str> = rows[14].split_whitespace().collect();
        let distinct: HashSet<&&str> = labels.iter().collect();
        assert!(labels.len() >= 5 && distinct.len() == labels.len(), "{width}: {labels:?}");
        let numbers: Vec<i32> = labels.iter().map(|label| label.parse().unwrap()).collect();
        let steps: HashSet<i32> = numbers.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(steps.len(), 1, "{labels:?}");
    }
}

#[test]
fn the_legend_shows_the_values_at_the_cursor() {
    let chart = chart(vec![line("twice", 0, |x| 2.0 * x), line("square", 1, |x| x * x)]);
    let mut state = ChartState { cursor: Some(7.2), ..ChartState::default() };
    let rows = draw(&chart, &mut state, 60, 12);
    assert!(rows[0].contains("twice 14.0") && rows[0].contains("square 49.0"), "{}", rows[0]);
    let last = rows.last().unwrap();
    assert!(last.split_whitespace().any(|label| label == "7"), "the x of the point: {last}");
}

#[test]
fn a_hidden_curve_is_not_drawn_and_the_axis_follows_the_others() {
    let chart = chart(vec![line("small", 0, |x| x / 30.0), line("large", 1, |x| 100.0 * x)]);
    let mut state = ChartState::default();
    let both = draw(&chart, &mut state, 60, 12);
    state.toggle(1);
    let one = draw(&chart, &mut state, 60, 12);
    let [both, one] = [both, one].map(|rows| rows.join("\n"));
    assert!(both.contains("3000") && !one.contains("3000"), "{one}");
    assert_eq!(state.legend.len(), 2, "its name remains clickable");
}

#[test]
fn zooming_shows_part_of_the_x_axis() {
    let chart = chart(vec![line("a", 0, |x| x)]);
    let mut state = ChartState { zoom: Some([10.0, 15.0]), ..ChartState::default() };
    let rows = draw(&chart, &mut state, 60, 12);
    let labels: Vec<&str> = rows[11].split_whitespace().collect();
    assert_eq!(labels, ["10", "11", "12", "13", "14", "15"]);
    assert_eq!((state.shown, state.whole), ([10.0, 15.0], [1.0, 30.0]));
}

#[test]
fn any_size_can_be_drawn() {
    let chart = chart(vec![line("a", 0, f64::ln), line("b", 1, |_| 3.0)]);
    for (width, height) in (0..40).flat_map(|w| (0..12).map(move |h| (w, h))) {
        draw(&chart, &mut ChartState::default(), width, height);
    }
}

#[test]
fn the_ticks_of_the_y_axis_are_evenly_spaced_on_the_screen() {
    for height in 7..40 {
        for top in [0.93, 0.99, 3.1, 47.0] {
            let chart = chart(vec![line("a", 0, |x| top * x / 30.0)]);
            let rows = draw(&chart, &mut ChartState::default(), 50, height);
            let marked = |row: &String| !row.split('│').next().unwrap_or("").trim().is_empty();
            let upright = rows.iter().filter(|row| row.contains('│'));
            let ticks: Vec<usize> =
                upright.enumerate().filter(|(_, row)| marked(row)).map(|(at, _)| at).collect();
            let steps: HashSet<usize> = ticks.windows(2).map(|two| two[1] - two[0]).collect();
            assert_eq!(steps.len(), 1, "{height} rows, up to {top}: {rows:#?}");
        }
    }
}

#[test]
fn a_legend_wraps_before_names_are_truncated_and_truncated_names_differ() {
    let name = |number: usize| format!("hidden layer {number}");
    let chart = chart((0..4).map(|at| line(&name(at), at, |x| x + at as f64)).collect());
    let high = draw(&chart, &mut ChartState::default(), 50, 20);
    let names = [&high[0], &high[1]].map(|row| row.matches("hidden layer").count());
    assert_eq!(names.iter().sum::<usize>(), 4, "{high:#?}");
    let low = draw(&chart, &mut ChartState::default(), 24, 8);
    for number in ["0", "1", "2", "3"] {
        assert!(low[0].contains(number), "{low:#?}");
    }
}
