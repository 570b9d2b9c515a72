//! The demo CA from outside, over HTTP, as a registration authority sees it.

mod confirming;
mod crashing;
mod enrolling;
mod misbehaving;
mod office;
mod repeating;
mod revoking;
mod strangers;
