pub mod call;
pub mod idle;
pub mod restart;
pub mod spawn;
pub mod stage;
