//! Two rows of the table in burn, on its Flex backend for CPUs.

#[path = "../../mnist.rs"]
mod mnist;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Int, Tensor, TensorData};
use mnist::{Digits, Job, shuffled};
use std::time::Instant;

trait Network: Module {
    /// Weighted inputs of the output layer; `x` of shape (samples, 784).
    fn forward(&self, x: Tensor<2>) -> Tensor<2>;

    /// The cost of weighted inputs `z`, averaged over the mini-batch.
    fn cost(z: Tensor<2>, labels: Tensor<1, Int>, y: Tensor<2>) -> Tensor<1>;
}

/// [784, 30, 10].
#[derive(Module, Debug)]
struct Dense {
    hidden: Linear,
    output: Linear,
}

impl Dense {
    fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(784, 30).init(device),
            output: LinearConfig::new(30, 10).init(device),
        }
    }
}

impl Network for Dense {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(sigmoid(self.hidden.forward(x)))
    }

    fn cost(z: Tensor<2>, _labels: Tensor<1, Int>, y: Tensor<2>) -> Tensor<1> {
        let samples = z.dims()[0] as f32;
        (sigmoid(z) - y).square().sum().mul_scalar(0.5 / samples)
    }
}

/// conv20x5-pool2-conv40x5-pool2-dense100-softmax10.
#[derive(Module, Debug)]
struct Convolutional {
    first: Conv2d,
    second: Conv2d,
    pool: MaxPool2d,
    hidden: Linear,
    output: Linear,
}

impl Convolutional {
    fn new(device: &Device) -> Self {
        Self {
            first: Conv2dConfig::new([1, 20], [5, 5]).init(device),
            second: Conv2dConfig::new([20, 40], [5, 5]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            hidden: LinearConfig::new(640, 100).init(device),
            output: LinearConfig::new(100, 10).init(device),
        }
    }
}

impl Network for Convolutional {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let samples = x.dims()[0];
        let x = x.reshape([samples, 1, 28, 28]);
        let x = self.pool.forward(relu(self.first.forward(x)));
        let x = self.pool.forward(relu(self.second.forward(x)));
        self.output.forward(relu(self.hidden.forward(x.reshape([samples, 640]))))
    }

    fn cost(z: Tensor<2>, labels: Tensor<1, Int>, _y: Tensor<2>) -> Tensor<1> {
        CrossEntropyLossConfig::new().init(&z.device()).forward(z, labels)
    }
}

fn images(digits: &Digits, device: &Device) -> Tensor<2> {
    let shape = [digits.labels.len(), 784];
    Tensor::from_data(TensorData::new(digits.images.clone(), shape), device)
}

/// Seconds of every epoch, and how many test images are classified correctly at the end.
fn train<N: Network>(job: &Job, mut network: N, device: &Device) -> (Vec<f64>, usize) {
    let mut optimizer: ModuleOptimizer = SgdConfig::new().init();
    // Data needs no gradient.
    let plain = Device::flex();
    let (x, count) = (images(&job.train, &plain), job.train.labels.len());
    let labels: Vec<i32> = job.train.labels.iter().copied().map(i32::from).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), &plain);
    let y = Tensor::<2>::from_data(TensorData::new(job.train.one_hot(), [count, 10]), &plain);
    let (mut state, mut seconds) = (1, Vec::new());
    for _ in 0..job.epochs {
        let start = Instant::now();
        for picked in shuffled(count as u32, &mut state).chunks(job.batch) {
            let picked: Vec<i32> = picked.iter().map(|&index| index as i32).collect();
            let rows = picked.len();
            let picked = Tensor::<1, Int>::from_data(TensorData::new(picked, [rows]), &plain);
            let part = x.clone().select(0, picked.clone()).to_device(device);
            let labels = labels.clone().select(0, picked.clone()).to_device(device);
            let y = y.clone().select(0, picked).to_device(device);
            let cost = N::cost(network.forward(part), labels, y);
            let gradients = GradientsParams::from_grads(cost.backward(), &network);
            network = optimizer.step(job.rate, network, gradients);
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let network = network.valid();
    let mut answers: Vec<i64> = Vec::new();
    for part in images(&job.test, &plain).chunk(20, 0) {
        let answer = network.forward(part).argmax(1).into_data();
        answers.extend(answer.iter::<i64>());
    }
    let pairs = answers.iter().zip(&job.test.labels);
    (seconds, pairs.filter(|(answer, label)| **answer == i64::from(**label)).count())
}

fn main() {
    let job = Job::from_arguments();
    let device = Device::flex().autodiff();
    let (seconds, right) = if job.row == 1 {
        train(&job, Dense::new(&device), &device)
    } else {
        train(&job, Convolutional::new(&device), &device)
    };
    job.report("burn", &seconds, right);
}
