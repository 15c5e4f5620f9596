//! What it takes: the size of every item, the round trips and units of every flow, and that what has expired goes.

mod expiry;
mod items;
mod round_trips;
mod units;
