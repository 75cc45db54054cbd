//! A network as text: `784,30,10`, or `dense100-drop0.5-softmax10`.

use super::layer::{Conv2d, Dense, Dropout, Norm, Pool2d, Pooling, Recurrent};
use super::{Activation, Cost, Init, Layer, Network, Shape};
use crate::rng::{Purpose, Stream, stream};
use std::str::FromStr;

/// The largest number of weights and biases of a network: 2 GB in single precision, and the same
/// again for gradients.
const MAX_PARAMETERS: u128 = 500_000_000;
/// The largest number of layers of a network.
const MAX_LAYERS: usize = 1000;
/// The largest number of outputs of a layer.
const MAX_UNITS: usize = 1 << 24;

/// The layers of a network, parsed from text.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    text: String,
    /// The first size of the form `784,30,10`; in the other form it follows from the data.
    inputs: Option<usize>,
    layers: Vec<LayerSpec>,
}

/// One layer of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum LayerSpec {
    Dense(usize),
    Softmax(usize),
    Dropout(f64),
    Conv2d { maps: usize, kernel: usize },
    Pool2d(Pooling, usize),
    Recurrent(usize),
    Norm,
}

impl LayerSpec {
    /// Whether its weights are drawn at random.
    fn draws(self) -> bool {
        matches!(self, Self::Dense(_) | Self::Softmax(_) | Self::Conv2d { .. } | Self::Recurrent(_))
    }

    /// The output shape for an input of `shape`, and the number of weights and biases.
    fn output(self, shape: Shape) -> Result<(Shape, u128), String> {
        let Shape { maps: before, height, width } = shape;
        match self {
            Self::Dense(units) | Self::Softmax(units) => {
                Ok((Shape::vector(units), (shape.len() as u128 + 1) * units as u128))
            }
            Self::Dropout(_) => Ok((shape, 0)),
            Self::Norm => Ok((shape, 2 * Norm::maps_of(shape) as u128)),
            Self::Conv2d { kernel, .. } if kernel > height.min(width) => Err(format!(
                "a kernel of {kernel} × {kernel} does not fit into maps of {height} × {width}"
            )),
            Self::Conv2d { maps, kernel } => {
                let inputs = kernel as u128 * kernel as u128 * before as u128;
                let shape = Shape { maps, height: height + 1 - kernel, width: width + 1 - kernel };
                Ok((shape, (inputs + 1) * maps as u128))
            }
            Self::Pool2d(_, size) if height % size != 0 || width % size != 0 => Err(format!(
                "pooling by {size} × {size} does not divide maps of {height} × {width}"
            )),
            Self::Pool2d(_, size) => {
                Ok((Shape { maps: before, height: height / size, width: width / size }, 0))
            }
            Self::Recurrent(units) => {
                let inputs = before as u128 * width as u128 + units as u128;
                Ok((Shape::vector(units), (inputs + 1) * units as u128))
            }
        }
    }

    /// Builds the layer for an input shape that [`LayerSpec::output`] has accepted.
    fn layer(self, shape: Shape, last: bool, options: &BuildOptions, stream: &mut Stream) -> Layer {
        let BuildOptions { activation, output, init, cost, .. } = *options;
        let dense = |units, activation, stream| {
            Layer::Dense(Dense::random(shape.len(), units, activation, init, stream))
        };
        match self {
            Self::Dense(units) if last && cost == Cost::LogLikelihood => {
                dense(units, Activation::Softmax, stream)
            }
            Self::Dense(units) if last => dense(units, output.unwrap_or(activation), stream),
            Self::Dense(units) => dense(units, activation, stream),
            Self::Softmax(units) => dense(units, Activation::Softmax, stream),
            Self::Dropout(rate) => Layer::Dropout(Dropout { shape, rate }),
            Self::Conv2d { maps, kernel } => {
                Layer::Conv2d(Conv2d::random(shape, maps, kernel, activation, init, stream))
            }
            Self::Pool2d(pooling, size) => Layer::Pool2d(Pool2d { input: shape, size, pooling }),
            Self::Norm => Layer::Norm(Norm::new(shape)),
            Self::Recurrent(units) => {
                Layer::Recurrent(Recurrent::random(shape, units, activation, init, stream))
            }
        }
    }
}

/// The options of a network that its text does not specify.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BuildOptions {
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// Activation of the output layer, unless it is named `softmaxN` or the cost is log-likelihood,
    /// which imply softmax; by default that of the hidden layers.
    pub output: Option<Activation>,
    pub cost: Cost,
    pub init: Init,
    /// Dropout rate after every hidden dense layer that is not followed by a dropout layer in the
    /// text.
    pub dropout: f64,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            activation: Activation::Sigmoid,
            output: None,
            cost: Cost::Quadratic,
            init: Init::Large,
            dropout: 0.0,
        }
    }
}

/// Why a text is not a valid network, or does not fit the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// It cannot be parsed.
    #[error("layers `{text}`: {problem}")]
    Syntax { text: String, problem: String },
    /// A layer does not fit the previous one, or the network is too large.
    #[error("layers `{text}`: {problem}")]
    Shape { text: String, problem: String },
    /// The first size differs from the number of pixels.
    #[error(
        "layers `{text}` begin with {found} inputs, but an image has {height} × {width} = \
         {expected} pixels: begin with {expected}"
    )]
    Inputs { text: String, found: usize, expected: usize, height: usize, width: usize },
    /// The last layer does not have the number of outputs that is needed.
    #[error(
        "layers `{text}` end with {found} outputs, but {expected} are needed: end with {expected}"
    )]
    Outputs { text: String, found: usize, expected: usize },
}

impl FromStr for Architecture {
    type Err = ArchitectureError;

    /// Sizes of the layers, input first (`784,30,10`), or the layers after the input, joined by
    /// `-`: `denseN`, `softmaxN` (last), `dropP`, `convMxK` (M maps, kernels of K × K pixels);
    /// pooling of S × S pixels: `poolS` (maximum), `ltwopoolS` (L2), `avgpoolS`; `rnnN` (N
    /// recurrent units that read an image row by row); `norm` (batch normalization).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text.trim_start().starts_with(|c: char| c.is_ascii_alphabetic());
        let count = 1 + text.matches(if named { '-' } else { ',' }).count();
        if count > MAX_LAYERS {
            // The whole text would make the message too long.
            let text = text.chars().take(20).chain(['…']).collect();
            let problem = format!("{count} layers are too many: at most {MAX_LAYERS}");
            return Err(ArchitectureError::Syntax { text, problem });
        }
        let read = if named { stages(text).map(|layers| (None, layers)) } else { sizes(text) };
        let (inputs, layers) =
            read.map_err(|problem| ArchitectureError::Syntax { text: text.into(), problem })?;
        Ok(Self { text: text.into(), inputs, layers })
    }
}

fn sizes(text: &str) -> Result<(Option<usize>, Vec<LayerSpec>), String> {
    let sizes: Vec<usize> = text.split(',').map(whole).collect::<Result<_, _>>()?;
    match &sizes[..] {
        [inputs, rest @ ..] if !rest.is_empty() => {
            Ok((Some(*inputs), rest.iter().map(|&units| LayerSpec::Dense(units)).collect()))
        }
        _ => Err("at least an input and an output layer are needed, such as `784,10`".into()),
    }
}

fn stages(text: &str) -> Result<Vec<LayerSpec>, String> {
    let stages: Vec<LayerSpec> =
        text.split('-').map(|part| stage(part.trim())).collect::<Result<_, _>>()?;
    let (last, hidden) = stages.split_last().ok_or("no layers")?;
    if !matches!(last, LayerSpec::Dense(_) | LayerSpec::Softmax(_)) {
        return Err("the last layer must be `denseN` or `softmaxN`".into());
    }
    if hidden.iter().any(|stage| matches!(stage, LayerSpec::Softmax(_))) {
        return Err("`softmaxN` is for the last layer".into());
    }
    Ok(stages)
}

/// Parses one layer.
fn stage(part: &str) -> Result<LayerSpec, String> {
    let digits = part.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(part.len());
    let (name, argument) = part.split_at(digits);
    match name {
        "dense" => Ok(LayerSpec::Dense(whole(argument)?)),
        "softmax" => Ok(LayerSpec::Softmax(whole(argument)?)),
        "drop" => Ok(LayerSpec::Dropout(rate(argument)?)),
        "conv" => {
            let (maps, kernel) =
                argument.split_once('x').ok_or(format!("`{part}` is not of the form conv20x5"))?;
            Ok(LayerSpec::Conv2d { maps: whole(maps)?, kernel: whole(kernel)? })
        }
        "pool" => Ok(LayerSpec::Pool2d(Pooling::Max, whole(argument)?)),
        "ltwopool" => Ok(LayerSpec::Pool2d(Pooling::L2, whole(argument)?)),
        "avgpool" => Ok(LayerSpec::Pool2d(Pooling::Average, whole(argument)?)),
        "rnn" => Ok(LayerSpec::Recurrent(whole(argument)?)),
        "norm" if argument.is_empty() => Ok(LayerSpec::Norm),
        _ => Err(format!(
            "`{part}` is not a layer; there are denseN, softmaxN, dropP, convMxK (M maps, K × K pixels), poolS, ltwopoolS, avgpoolS, rnnN and norm"
        )),
    }
}

fn whole(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(0) => Err("a layer of 0 units".into()),
        Ok(number) if number > MAX_UNITS => {
            Err(format!("{number} is too large: at most {MAX_UNITS}"))
        }
        Ok(number) => Ok(number),
        Err(_) => Err(format!("`{}` is not a whole number above 0", text.trim())),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..1.0).contains(&rate) => Ok(rate),
        _ => Err(format!("`{text}` is not a fraction from 0 to below 1, such as drop0.5")),
    }
}

impl Architecture {
    /// Builds the untrained network. Weights and biases of layer i are drawn from the stream (seed,
    /// initialization, 0, i), counting only layers that draw any.
    ///
    /// # Errors
    /// If a layer does not fit the one before it, `input` or `outputs`, or the network is too large
    /// to train.
    pub fn build(
        &self,
        input: Shape,
        outputs: usize,
        options: &BuildOptions,
        seed: u64,
    ) -> Result<Network, ArchitectureError> {
        self.check_inputs(input)?;
        let stages = self.stages_with_dropout(options.dropout);
        self.check_size(&stages, input)?;
        let mut shape = input;
        let mut drawing = 0;
        let mut layers = Vec::with_capacity(stages.len());
        for (index, stage) in stages.iter().enumerate() {
            let last = index + 1 == stages.len();
            let mut stream = stream(seed, Purpose::Initialization, 0, drawing);
            drawing += u64::from(stage.draws());
            let layer = stage.layer(shape, last, options, &mut stream);
            shape = layer.output();
            layers.push(layer);
        }
        if shape.len() != outputs {
            let (text, found) = (self.text.clone(), shape.len());
            return Err(ArchitectureError::Outputs { text, found, expected: outputs });
        }
        Ok(Network { layers, cost: options.cost })
    }

    /// The number of inputs, if the text specifies it.
    #[must_use]
    pub fn inputs(&self) -> Option<usize> {
        self.inputs
    }

    /// The number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self.layers.last() {
            Some(LayerSpec::Dense(units) | LayerSpec::Softmax(units)) => *units,
            _ => 0,
        }
    }

    /// The units of every hidden layer, if the text is a list of sizes (`784,30,10`).
    #[must_use]
    pub fn hidden_sizes(&self) -> Option<Vec<usize>> {
        self.inputs?;
        let (_, hidden) = self.layers.split_last()?;
        let units = |stage: &LayerSpec| match stage {
            LayerSpec::Dense(units) => Some(*units),
            _ => None,
        };
        hidden.iter().map(units).collect()
    }

    /// Whether the last layer is `softmaxN`.
    #[must_use]
    pub fn ends_in_softmax(&self) -> bool {
        matches!(self.layers.last(), Some(LayerSpec::Softmax(_)))
    }

    /// Whether a layer uses the shape of the image: convolutions and recurrent layers.
    #[must_use]
    pub fn uses_image_shape(&self) -> bool {
        self.layers.iter().any(|s| matches!(s, LayerSpec::Conv2d { .. } | LayerSpec::Recurrent(_)))
    }

    /// Checks that the layers fit each other, `input` and the memory limit, without building them.
    ///
    /// # Errors
    /// As [`Architecture::build`].
    pub fn check(&self, input: Shape) -> Result<(), ArchitectureError> {
        self.check_inputs(input)?;
        self.check_size(&self.layers, input).map(drop)
    }

    fn check_inputs(&self, input: Shape) -> Result<(), ArchitectureError> {
        match self.inputs {
            Some(found) if found != input.len() => Err(ArchitectureError::Inputs {
                text: self.text.clone(),
                found,
                expected: input.len(),
                height: input.height,
                width: input.width,
            }),
            _ => Ok(()),
        }
    }

    /// Number of layers in the text, without dropout layers added by [`BuildOptions::dropout`].
    #[must_use]
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// The number of weights and biases for inputs of a shape, computed without building the
    /// network.
    ///
    /// # Errors
    /// As [`Architecture::check`].
    pub fn parameters(&self, input: Shape) -> Result<u64, ArchitectureError> {
        self.check_inputs(input)?;
        Ok(self.check_size(&self.layers, input)? as u64)
    }

    /// Computes all shapes and the number of weights, before anything is allocated.
    fn check_size(&self, stages: &[LayerSpec], input: Shape) -> Result<u128, ArchitectureError> {
        let wrong = |problem| ArchitectureError::Shape { text: self.text.clone(), problem };
        let mut shape = input;
        let mut parameters = 0_u128;
        for stage in stages {
            let (next, weights) = stage.output(shape).map_err(wrong)?;
            parameters += weights;
            if next.len() > MAX_UNITS {
                return Err(wrong(format!("a layer of more than {MAX_UNITS} values")));
            }
            shape = next;
        }
        if parameters <= MAX_PARAMETERS {
            return Ok(parameters);
        }
        Err(wrong(format!("{parameters} weights and biases, but at most {MAX_PARAMETERS} fit")))
    }

    fn stages_with_dropout(&self, rate: f64) -> Vec<LayerSpec> {
        let mut stages = Vec::with_capacity(2 * self.layers.len());
        for (index, &stage) in self.layers.iter().enumerate() {
            stages.push(stage);
            let next = self.layers.get(index + 1);
            let hidden = matches!(stage, LayerSpec::Dense(_)) && next.is_some();
            if hidden && rate > 0.0 && !matches!(next, Some(LayerSpec::Dropout(_))) {
                stages.push(LayerSpec::Dropout(rate));
            }
        }
        stages
    }
}

#[cfg(test)]
mod tests;
