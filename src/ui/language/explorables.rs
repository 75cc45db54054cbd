//! Translates explorables and their figures.

use super::Language;
use crate::protocol::{Curve, Explorable, Figure, FigureBody, SliderKind};

impl Language {
    /// Translates all texts of an explorable.
    #[must_use]
    pub fn explorable(self, explorable: &Explorable) -> Explorable {
        let mut explorable = explorable.clone();
        let Explorable { title, to_try, to_notice, sliders, .. } = &mut explorable;
        for text in [title, to_try, to_notice] {
            self.translate(text);
        }
        for slider in sliders {
            self.translate(&mut slider.name);
            self.translate(&mut slider.unit);
            match &mut slider.control {
                SliderKind::Choice(names) => names.iter_mut().for_each(|name| self.translate(name)),
                SliderKind::Curve { presets } | SliderKind::Grid { presets, .. } => {
                    for (name, _) in presets {
                        self.translate(name);
                    }
                }
                SliderKind::Range | SliderKind::Time | SliderKind::Toggle => {}
            }
        }
        explorable
    }

    /// Translates all texts of figures.
    #[must_use]
    pub fn figures(self, figures: &[Figure]) -> Vec<Figure> {
        let mut figures = figures.to_vec();
        for Figure { title, caption, body, .. } in &mut figures {
            for text in [title, caption] {
                self.translate(text);
            }
            self.translate_body(body);
        }
        figures
    }

    fn translate_body(self, body: &mut FigureBody) {
        match body {
            FigureBody::Chart { x_label, y_label, curves, .. }
            | FigureBody::Plot { x_label, y_label, curves, .. }
            | FigureBody::Surface { x_label, y_label, paths: curves, .. } => {
                let names = curves.iter_mut().map(|Curve { name, .. }| name);
                [x_label, y_label].into_iter().chain(names).for_each(|text| self.translate(text));
            }
            FigureBody::Bars { bars, .. } => {
                for bar in bars {
                    self.translate(&mut bar.name);
                }
            }
            FigureBody::Table { header, rows } => {
                let cells = rows.iter_mut().flatten().map(|cell| &mut cell.text);
                header.iter_mut().chain(cells).for_each(|text| self.translate(text));
            }
            FigureBody::Wiring { neurons, wires } => {
                let names = neurons.iter_mut().map(|neuron| &mut neuron.name);
                let labels = wires.iter_mut().map(|wire| &mut wire.label);
                names.chain(labels).for_each(|text| self.translate(text));
            }
            FigureBody::Images { images, .. } => {
                for (name, _) in images {
                    self.translate(name);
                }
            }
            FigureBody::Text(lines) => lines.iter_mut().for_each(|line| self.translate(line)),
        }
    }

    fn translate(self, text: &mut String) {
        // Formulas and numbers are not translated.
        if self != Self::English && text.contains(|c: char| c.is_ascii_alphabetic()) {
            *text = self.say(text).into();
        }
    }
}
