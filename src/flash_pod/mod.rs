//! A device becomes values, and values become the objects of its flash. Job, class and device come in; values and guarded objects go
//! out. Pure: nothing here has a client, a clock or a log. What a chart renders is data here: the guard reads it, and nothing that it
//! does not list is applied.

pub mod device_values;
pub mod explain;
pub mod guard;
pub mod intent;
pub mod layers;
pub mod pool;
pub mod service_mode;
