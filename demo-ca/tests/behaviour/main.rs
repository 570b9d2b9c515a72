//! The demo CA from outside, over HTTP, as a registration authority sees it.

mod batching;
mod confirming;
mod crashing;
mod enrolling;
mod exchange;
mod holders;
mod misbehaving;
mod office;
mod relaying;
mod repeating;
mod revoking;
mod strangers;
mod supporting;
mod waiting;
