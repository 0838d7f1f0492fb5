//! A job on a terminal that is redrawn as the job changes, and its keys. Pure, but for [`Stage`], which writes to the terminal.

mod frame;
mod journal;
mod key;
mod pace;
mod stage;
mod state;

pub use journal::Journal;
pub use pace::Pace;
pub use stage::Stage;
pub use state::{Live, Order, Surroundings};
