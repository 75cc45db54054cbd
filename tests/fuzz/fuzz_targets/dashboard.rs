//! The dashboard can be drawn after any events and keys, at any size.
#![no_main]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use libfuzzer_sys::fuzz_target;
use nntop::protocol::{
    Activity, Card, Classified, Content, EpochStats, Event, Frame, LayerInfo, LayerStats, LogLevel,
    LogLine, Outcome, Probe, Progress, RunInfo, SavedFile, Status, Tensor, Update, ProbeQuery,
};
use nntop::session::wire::decode;
use nntop::ui::{App, DashboardSetup};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Values taken from the input, zeros once it is used up.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.byte() % limit
    }

    /// A number that is usually small and sometimes the maximum.
    fn number(&mut self) -> u32 {
        match self.byte() {
            255 => u32::MAX,
            254 => u32::from(self.byte()) << 20,
            small => u32::from(small),
        }
    }

    fn real(&mut self) -> f64 {
        match self.below(8) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => 1e300,
            4 => -1e-300,
            _ => f64::from(self.byte()) / 100.0,
        }
    }

    fn perhaps_real(&mut self) -> Option<f64> {
        (self.byte() > 40).then(|| self.real())
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.below(24));
        let (text, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn list<T>(&mut self, most: u8, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most)).map(|_| make(self)).collect()
    }

    fn tensor(&mut self) -> Tensor {
        Tensor {
            shape: [self.number(), self.number(), self.number()],
            values: self.list(40, |input| input.real() as f32),
        }
    }

    fn card(&mut self) -> Card {
        Card {
            index: self.number(),
            label: self.number(),
            prediction: self.number(),
            confidence: self.real() as f32,
            pixels: self.list(100, Self::byte),
        }
    }

    fn layer_stats(&mut self) -> LayerStats {
        LayerStats { bias_gradient_norm: self.real(), ..LayerStats::default() }
    }

    fn what(&mut self) -> ProbeQuery {
        match self.below(7) {
            0 => ProbeQuery::Weights { layer: self.number(), first: self.number(), count: self.number() },
            1 => ProbeQuery::Biases { layer: self.number() },
            2 => ProbeQuery::Histogram { layer: self.number(), bins: self.number() },
            3 => ProbeQuery::Digit { index: self.number() },
            4 => ProbeQuery::Confusion,
            5 => ProbeQuery::Activations { index: self.number() },
            _ => ProbeQuery::Gradients,
        }
    }

    fn content(&mut self) -> Content {
        match self.below(8) {
            0 => Content::Weights {
                rows: self.list(20, Self::tensor),
                largest: self.real() as f32,
            },
            1 => Content::Biases { values: self.list(40, |input| input.real() as f32) },
            2 => Content::Histogram {
                low: self.real() as f32,
                high: self.real() as f32,
                counts: self.list(40, Self::number),
            },
            3 => Content::Digits {
                total: self.number(),
                selected_rank: (self.byte() > 99).then(|| self.number()),
                cards: self.list(20, Self::card),
            },
            4 => Content::Digit {
                card: self.card(),
                outputs: self.list(20, |input| input.real() as f32),
                votes: self.list(5, Self::number),
            },
            5 => Content::Confusion { classes: self.number(), counts: self.list(120, Self::number) },
            6 => Content::Activations { layers: self.list(6, Self::tensor) },
            _ => Content::Gradients { layers: self.list(6, Self::layer_stats) },
        }
    }

    fn info(&mut self) -> RunInfo {
        let layer = |input: &mut Self| LayerInfo {
            name: input.text(),
            input: [input.number(), input.number(), input.number()],
            output: [input.number(), input.number(), input.number()],
            activation: input.text(),
            weights: input.number().into(),
            biases: input.number().into(),
        };
        RunInfo {
            title: self.text(),
            network: self.text(),
            layers: self.list(6, layer),
            epochs: self.number(),
            batch_size: self.number(),
            learning_rate: self.real(),
            data: self.text(),
            train_size: self.number(),
            test_size: self.number(),
            image_width: self.number(),
            image_height: self.number(),
            classes: self.list(12, Self::text),
            ..RunInfo::default()
        }
    }

    fn event(&mut self) -> Event {
        match self.below(10) {
            0 => Event::Started(Box::new(self.info())),
            1 => Event::EpochEnded(EpochStats {
                epoch: self.number(),
                train_cost: self.perhaps_real(),
                validation_cost: self.perhaps_real(),
                test_cost: self.perhaps_real(),
                train_accuracy: self.perhaps_real(),
                validation_accuracy: self.perhaps_real(),
                test_accuracy: self.perhaps_real(),
                learning_rate: self.real(),
                train_seconds: self.real(),
                samples_per_second: self.real(),
                layers: self.list(6, Self::layer_stats),
                ..EpochStats::default()
            }),
            2 => {
                let activity = match self.below(5) {
                    0 => Activity::Starting,
                    1 => Activity::Training,
                    2 => Activity::Evaluating,
                    3 => Activity::Paused,
                    _ => Activity::Finished,
                };
                Event::StatusChanged(Status { activity, ..Status::default() })
            }
            3 => Event::Progress(Progress {
                epoch: self.number(),
                batch: self.number(),
                batches: self.number(),
                samples_per_second: self.real(),
                seconds_left: self.perhaps_real(),
                elapsed_seconds: self.real(),
                batch_cost: self.perhaps_real(),
            }),
            4 | 5 => {
                let probe = Probe::live(self.what());
                let (epoch, batch) = (self.number(), self.number());
                Event::Frame(Box::new(Frame { probe, epoch, batch, content: self.content() }))
            }
            6 => Event::Classified(Classified {
                id: self.number().into(),
                outputs: self.list(20, |input| input.real() as f32),
                prediction: self.number(),
                votes: self.list(5, Self::number),
            }),
            7 => Event::Log(LogLine { level: LogLevel::Error, text: self.text() }),
            8 => Event::Saved(SavedFile {
                path: self.text(),
                epoch: self.number(),
                batch: self.number(),
                bytes: self.number().into(),
            }),
            _ => Event::Finished(match self.below(3) {
                0 => Outcome::Completed(self.text()),
                1 => Outcome::Diverged { epoch: self.number(), hint: self.text() },
                _ => Outcome::Failed(self.text()),
            }),
        }
    }

    fn key(&mut self) -> KeyEvent {
        let code = match self.below(40) {
            0 => KeyCode::Up,
            1 => KeyCode::Down,
            2 => KeyCode::Left,
            3 => KeyCode::Right,
            4 => KeyCode::Enter,
            5 => KeyCode::Esc,
            6 => KeyCode::Tab,
            7 => KeyCode::PageUp,
            8 => KeyCode::PageDown,
            9 => KeyCode::Home,
            10 => KeyCode::End,
            11 => KeyCode::Backspace,
            _ => KeyCode::Char(char::from(self.byte() & 0x7f)),
        };
        KeyEvent::new(code, KeyModifiers::NONE)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let mut app = App::new(DashboardSetup::default());
    let mut area = Rect::new(0, 0, 80, 24);
    for _ in 0..64 {
        match input.below(8) {
            0..4 => {
                let event = input.event();
                app.update(Update::Event(event));
            }
            4 => {
                let length = usize::from(input.byte()).min(input.0.len());
                let (encoded, rest) = input.0.split_at(length);
                input.0 = rest;
                if let Ok(update) = decode::<Update>(encoded) {
                    app.update(update);
                }
            }
            5 => {
                app.key(input.key());
            }
            6 => {
                app.mouse(MouseEvent {
                    kind: MouseEventKind::Down(MouseButton::Left),
                    column: input.byte().into(),
                    row: input.byte().into(),
                    modifiers: KeyModifiers::NONE,
                });
            }
            _ => area = Rect::new(0, 0, u16::from(input.byte()).max(1), u16::from(input.below(80)).max(1)),
        }
        app.show_waiting_frames();
        app.render(&mut Buffer::empty(area));
        if input.0.is_empty() {
            break;
        }
    }
});
