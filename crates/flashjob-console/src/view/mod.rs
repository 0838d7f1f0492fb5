//! What is said of a job and its devices: made of what the operator's library says. Pure.

mod class;
mod class_order;
mod device;
mod failure;
#[cfg(test)]
mod fixtures;
mod fleet;
mod history;
mod object;
mod order;
mod plan;
mod plot;
mod progress;
mod release;
mod step;
mod timeline;
mod usage;
mod waiting;
mod week;

pub use class::{ClassFacts, class};
pub use class_order::class_order;
pub use device::{DeviceEntry, DevicePage, Wanted, entries, page};
pub use failure::{FailureGroup, Failures, Help, failures};
pub use fleet::{
    FleetDevice, MOST as MOST_DEVICES, Selected, UNFIT, UNUSED, counted, drawn, fleet, have,
    versions, words,
};
pub use history::{JobHistory, ListMeta, Releases, RoundEntry, rounds};
pub use object::{PodFacts, ServiceFacts};
pub use order::{Order, Reason, orders};
pub use plan::Plan;
pub use plot::plot;
pub use progress::{Progress, Share, progress};
pub use release::{ClassOf, ReleaseFacts, release};
pub use step::{StepEntry, Steps, steps};
pub use timeline::timeline;
pub use usage::usage;
pub use waiting::{WaitingStep, waiting};
pub use week::weeks;
