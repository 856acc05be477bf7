//! At steady state our own code allocates nothing per frame: what is counted is what the network library needs, and no more.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ferscope::appliance::{
    DEFAULT_EPSILON, DEFAULT_LANDMARK_MODEL, DEFAULT_NETWORK, FaceFinder, Gate, Options, Perceiver,
    Seen, open_classifier,
};
use ferscope::network::{Job, Manifest, Network};
use ferscope::source::read_picture;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.load(Relaxed);
    work();
    ALLOCATIONS.load(Relaxed) - before
}

/// What one evaluation of a network allocates.
fn of_evaluation(network: &mut Network) -> u64 {
    let mut row = vec![0.0; network.output_len()];
    let mut evaluate =
        || allocations(|| network.evaluate(1, &|_, pixels| pixels.fill(90), &mut row).unwrap());
    let first: Vec<u64> = (0..5).map(|_| evaluate()).collect();
    assert!(first[2..].iter().all(|count| *count == first[2]), "it is always the same: {first:?}");
    first[2]
}

#[test]
fn perceiving_allocates_nothing_beside_the_networks() {
    let models = common::repository().join("models");
    let options = Options {
        models: models.clone(),
        network: DEFAULT_NETWORK.to_owned(),
        detector_size: 192,
        shape_predictor: None,
        epsilon: DEFAULT_EPSILON,
        threads: 1,
    };
    let manifest = Manifest::read(&models).unwrap();
    let cost = |name: &str, job: Job| {
        let spec = manifest.find(name, job).unwrap().clone();
        of_evaluation(&mut Network::load(spec, &models, 1).unwrap())
    };
    let detect = cost("blazeface-back-192", Job::Detector);
    let place = cost(DEFAULT_LANDMARK_MODEL, Job::Landmarks);
    let classify = cost(DEFAULT_NETWORK, Job::Expression);
    assert!(detect > 0 && place > 0 && classify > 0);

    // Two people, as they are on one of the demo's clips.
    let picture = read_picture(&common::repository().join("demo/frame-023.jpg")).unwrap();
    let finder = FaceFinder::open(&options).unwrap();
    let classifier = open_classifier(&options).unwrap();
    let mut perceiver = Perceiver::new(finder, classifier, Gate::default(), 0);
    let mut seen = Seen::default();
    let mut detections = 0;
    let mut candidates = 0;
    for frame in 0..120 {
        let now = f64::from(frame) / 30.0;
        let found = allocations(|| {
            candidates += usize::from(perceiver.look(now, &picture, &mut seen).unwrap().is_some());
        });
        if frame < 5 {
            continue;
        }
        let faces = seen.faces.len() as u64;
        assert_eq!(faces, 2, "frame {frame}");
        let looked = u64::from(seen.detecting.is_some());
        detections += looked;
        let expected = looked * detect + faces * (place + classify);
        assert_eq!(found, expected, "frame {frame}, detector asked: {looked}");
    }
    assert!((8..=14).contains(&detections), "the detector looked {detections} times");
    assert!(candidates > 100, "{candidates} faces were fit");
}
