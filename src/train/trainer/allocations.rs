//! Training on a mini-batch allocates nothing, including gathering it.

use super::*;
use crate::data::Images;
use crate::nn::{Activation, Cost, Init};
use crate::spec::{Expansion, Optimizer, Spec, build};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system allocator, counting the allocations of each thread.
struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: all calls are forwarded to the system allocator; the counter needs no initialization and
// no destructor, so that counting does not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: forwarded under the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: forwarded under the same contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: forwarded under the same contract.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: forwarded under the same contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Images of 28 × 28 pixels, mostly background, in ten classes.
fn images(count: usize) -> Images {
    let ink = |at: usize| if at.is_multiple_of(5) { (at * 31 % 256) as u8 } else { 0 };
    Images {
        width: 28,
        height: 28,
        channels: 1,
        pixels: (0..count * 784).map(ink).collect(),
        labels: (0..count).map(|index| (index % 10) as u8).collect(),
    }
}

/// A trainer that sends nothing until the end of an epoch.
fn trainer(spec: Spec) -> Trainer {
    let data = Dataset {
        name: "test".into(),
        classes: (0..10).map(|class| class.to_string()).collect(),
        train: images(5 * spec.batch as usize - 3),
        validation: Images::default(),
        test: images(10),
        notes: Vec::new(),
    };
    let network = build(&spec, &data).unwrap();
    let state = Checkpoint::start(spec, network, &data);
    let (_, commands) = crossbeam_channel::unbounded();
    let (events, _) = crossbeam_channel::unbounded();
    let setup = TrainerSetup {
        data: Arc::new(data),
        control: Control::default(),
        checkpointers: Vec::new(),
        save: None,
        keep_trying: false,
        skip_learning_check: true,
        commands,
        events,
    };
    let mut trainer = Trainer::new(state, setup);
    // The next sample is due in an hour.
    trainer.next_sample = Instant::now() + Duration::from_secs(3600);
    trainer
}

/// Number of allocations of the calling thread, which takes part in all the work, in the next
/// epoch. The last mini-batch is not counted, because layer statistics are computed after it.
fn allocations_of_an_epoch(trainer: &mut Trainer) -> usize {
    let before = ALLOCATIONS.get();
    (0..4).for_each(|_| assert!(!trainer.train_batch()));
    let count = ALLOCATIONS.get() - before;
    trainer.train_batch();
    assert_eq!(trainer.state.position().batch, 0);
    count
}

/// Asserts that nothing is allocated once all buffers have been used: on one thread, after one
/// epoch. With several threads, a thread may use a buffer for the first time in a later epoch.
fn assert_stops_allocating(spec: Spec) {
    let what = format!("{}, {}, {:?}, {:?}", spec.layers, spec.batch, spec.optimizer, spec.threads);
    let epochs = if spec.threads == Some(1) { 1 } else { 10 };
    let mut trainer = trainer(spec);
    allocations_of_an_epoch(&mut trainer);
    let stops = (0..epochs).any(|_| allocations_of_an_epoch(&mut trainer) == 0);
    assert!(stops, "{what}");
}

#[test]
fn training_on_a_mini_batch_allocates_nothing() {
    let before = ALLOCATIONS.get();
    drop(vec![0_u8; 100]);
    assert!(ALLOCATIONS.get() > before, "allocations are counted");
    for (layers, batch) in [
        ("784,30,10", 10),
        ("784,100,10", 64),
        // A medium-sized layer, whose deltas are propagated through all its weights.
        ("784,100,90,10", 10),
        ("784,400,200,10", 20),
        ("conv4x5-norm-pool2-conv8x5-avgpool2-dense30-softmax10", 10),
        ("conv20x5-ltwopool2-dense100-drop0.5-dense600-drop0.5-softmax10", 32),
        ("rnn20-dense10", 5),
        ("conv3x3-rnn20-softmax10", 16),
    ] {
        for optimizer in [Optimizer::Sgd, Optimizer::Adam] {
            for threads in [1, 2] {
                let spec = Spec {
                    layers: layers.into(),
                    batch,
                    optimizer,
                    cost: Cost::LogLikelihood,
                    activation: Activation::Relu,
                    init: Init::Scaled,
                    eta: 0.01,
                    threads: Some(threads),
                    ..Spec::default()
                };
                assert_stops_allocating(spec);
            }
        }
    }
}

#[test]
fn augmenting_images_allocates_nothing() {
    let expand = vec![
        Expansion::Rotation(10.0),
        Expansion::Scaling(0.1),
        Expansion::Translation(2.0),
        Expansion::Elastic { alpha: 30.0, sigma: 5.0 },
    ];
    for threads in [1, 2] {
        let spec = Spec {
            layers: "784,30,10".into(),
            batch: 30,
            expand: expand.clone(),
            threads: Some(threads),
            ..Spec::default()
        };
        assert_stops_allocating(spec);
    }
}
