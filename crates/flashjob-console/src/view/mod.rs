//! What is said of a job and its devices: made of what the operator's library says. Pure.

mod class;
mod device;
mod failure;
#[cfg(test)]
mod fixtures;
mod fleet;
mod object;
mod order;
mod plot;
mod progress;
mod step;
mod waiting;

pub use class::{ClassFacts, class};
pub use device::{DeviceEntry, DevicePage, Wanted, entries, page};
pub use failure::{FailureGroup, Failures, Help, failures};
pub use fleet::{
    FleetDevice, MOST as MOST_DEVICES, Selected, UNFIT, UNUSED, counted, drawn, fleet, versions,
    words,
};
pub use object::{PodFacts, ServiceFacts};
pub use order::{Order, Reason, orders};
pub use plot::plot;
pub use progress::{Progress, Share, progress};
pub use step::{StepEntry, Steps, steps};
pub use waiting::{WaitingStep, waiting};
