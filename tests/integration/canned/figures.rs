//! One figure of every kind, and claims.

use super::{label, pixels};
use nntop::protocol::{Bar, Cell, Claim, Curve, Event, Figure, FigureBody, Quantity, Scale};

/// One figure of every kind, and a claim that holds beside one that does not.
pub fn figures() -> Vec<Event> {
    let chart = FigureBody::Chart {
        x_label: "epoch".into(),
        y_label: "cost".into(),
        x_scale: Scale::Linear,
        y_scale: Scale::Logarithmic,
        curves: ["quadratic", "cross-entropy"]
            .into_iter()
            .zip([0.02, 0.05])
            .map(|(name, rate)| Curve {
                name: name.into(),
                points: (0..100).map(f64::from).map(|x| (x, (-rate * x).exp())).collect(),
                scatter: false,
            })
            .collect(),
    };
    let side = 40_u32;
    let at = |step: u32| f64::from(step) / f64::from(side - 1) * 2.0 - 1.0;
    let bowl = |index: u32| (at(index % side).powi(2) + 3.0 * at(index / side).powi(2)) as f32;
    let surface = FigureBody::Surface {
        x_label: "v₁".into(),
        y_label: "v₂".into(),
        x_range: [-1.0, 1.0],
        y_range: [-1.0, 1.0],
        width: side,
        height: side,
        values: (0..side * side).map(bowl).collect(),
        paths: vec![Curve {
            name: "η = 0.1".into(),
            points: (0..30).map(|t| (-0.9 * 0.8_f64.powi(t), 0.8 * (-0.6_f64).powi(t))).collect(),
            scatter: false,
        }],
    };
    let bars = FigureBody::Bars {
        unit: "%".into(),
        bars: [("random", 10.0), ("darkness", 22.25), ("network", 95.42)]
            .map(|(name, value)| Bar { name: name.into(), value, highlighted: value > 50.0 })
            .into(),
    };
    let cell = |text: &str, highlighted| Cell { text: text.into(), highlighted };
    let table = FigureBody::Table {
        header: ["x₁", "x₂", "NAND"].map(String::from).into(),
        rows: [("0", "0", "1"), ("0", "1", "1"), ("1", "0", "1"), ("1", "1", "0")]
            .map(|(a, b, out)| vec![cell(a, false), cell(b, false), cell(out, out == "0")])
            .into(),
    };
    let image = |index: u32| {
        let values = pixels(index).into_iter().map(|pixel| f32::from(pixel) / 255.0);
        (format!("mean {}", label(index)), values.collect())
    };
    let images = FigureBody::Images {
        width: 28,
        height: 28,
        diverging: false,
        images: (0..10).map(image).collect(),
    };
    let text = FigureBody::Text(vec!["代价函数 C(w, b) falls; 梯度下降法 finds where.".into()]);
    let bodies = [chart, surface, bars, table, images, text];
    let figure = |(index, body): (usize, FigureBody)| {
        Event::Figure(Figure {
            id: index.to_string(),
            title: format!("Figure {}", index + 1),
            caption: "The caption says in a sentence or two what there is to see, and why.".into(),
            body,
        })
    };
    let claim = |text: &str, measured: f64, holds| {
        Event::Claim(Claim {
            id: "3-slow-neuron".into(),
            claim: text.into(),
            expected: Quantity::Number(95.42),
            measured: Quantity::Number(measured),
            tolerance: "±0.4 points".into(),
            holds,
            seed: 1,
            seconds: 3.25,
        })
    };
    let claims = [
        claim("test accuracy of 30 hidden neurons", 95.31, true),
        claim("a claim that does not hold", 90.0, false),
    ];
    bodies.into_iter().enumerate().map(figure).chain(claims).collect()
}
