pub mod stage; pub mod restart; pub mod call; pub mod spawn; pub mod idle;
