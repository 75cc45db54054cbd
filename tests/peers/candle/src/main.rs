//! Two rows of the table in candle, on the CPU.

#[path = "../../mnist.rs"]
mod mnist;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{
    Conv2d, Linear, Module, Optimizer, SGD, VarBuilder, VarMap, conv2d, linear, loss, ops,
};
use mnist::{Digits, Job, shuffled};
use std::time::Instant;

enum Network {
    /// [784, 30, 10].
    Dense(Linear, Linear),
    /// conv20x5-pool2-conv40x5-pool2-dense100-softmax10.
    Convolutional(Conv2d, Conv2d, Linear, Linear),
}

impl Network {
    fn new(row: u32, vars: VarBuilder) -> Result<Self> {
        if row == 1 {
            let hidden = linear(784, 30, vars.pp("hidden"))?;
            return Ok(Self::Dense(hidden, linear(30, 10, vars.pp("output"))?));
        }
        Ok(Self::Convolutional(
            conv2d(1, 20, 5, Default::default(), vars.pp("first"))?,
            conv2d(20, 40, 5, Default::default(), vars.pp("second"))?,
            linear(640, 100, vars.pp("hidden"))?,
            linear(100, 10, vars.pp("output"))?,
        ))
    }

    /// Weighted inputs of the output layer.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(hidden, output) => output.forward(&ops::sigmoid(&hidden.forward(x)?)?),
            Self::Convolutional(first, second, hidden, output) => {
                let x = x.reshape(((), 1, 28, 28))?;
                let x = first.forward(&x)?.relu()?.max_pool2d(2)?;
                let x = second.forward(&x)?.relu()?.max_pool2d(2)?;
                output.forward(&hidden.forward(&x.flatten_from(1)?)?.relu()?)
            }
        }
    }

    /// The cost of weighted inputs `z`, averaged over the mini-batch.
    fn cost(&self, z: &Tensor, labels: &Tensor, y: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(..) => {
                let squares = (ops::sigmoid(z)? - y)?.sqr()?.sum_all()?;
                squares * (0.5 / z.dim(0)? as f64)
            }
            Self::Convolutional(..) => loss::cross_entropy(z, labels),
        }
    }
}

fn images(digits: &Digits) -> Result<Tensor> {
    Tensor::from_slice(&digits.images, (digits.labels.len(), 784), &Device::Cpu)
}

fn main() -> Result<()> {
    let job = Job::from_arguments();
    let vars = VarMap::new();
    let network = Network::new(job.row, VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    let mut optimizer = SGD::new(vars.all_vars(), job.rate)?;
    let (x, count) = (images(&job.train)?, job.train.labels.len());
    let labels: Vec<u32> = job.train.labels.iter().copied().map(u32::from).collect();
    let labels = Tensor::from_vec(labels, count, &Device::Cpu)?;
    let y = Tensor::from_vec(job.train.one_hot(), (count, 10), &Device::Cpu)?;
    let (mut state, mut seconds) = (1, Vec::new());
    for _ in 0..job.epochs {
        let start = Instant::now();
        for picked in shuffled(count as u32, &mut state).chunks(job.batch) {
            let picked = Tensor::from_slice(picked, picked.len(), &Device::Cpu)?;
            let z = network.forward(&x.index_select(&picked, 0)?)?;
            let (labels, y) = (labels.index_select(&picked, 0)?, y.index_select(&picked, 0)?);
            optimizer.backward_step(&network.cost(&z, &labels, &y)?)?;
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut answers = Vec::new();
    for part in images(&job.test)?.chunk(20, 0)? {
        answers.extend(network.forward(&part)?.argmax(D::Minus1)?.to_vec1::<u32>()?);
    }
    let pairs = answers.iter().zip(&job.test.labels);
    let right = pairs.filter(|(answer, label)| **answer == u32::from(**label)).count();
    job.report("candle", &seconds, right);
    Ok(())
}
