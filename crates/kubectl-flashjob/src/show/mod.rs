//! Lines, tables, colours and words for a terminal. Pure, but for what is asked of the terminal itself.

pub mod age;
mod canvas;
mod color;
pub mod duration;
pub mod icon;
mod line;
pub mod progress;
mod screen;
pub mod table;
mod wrap;

pub use canvas::Canvas;
pub use color::{ColorChoice, Tone};
pub use line::Line;
pub use screen::Screen;
pub use wrap::wrap;
