//! Costs: the size of every item, the round trips and units of every flow, and the deletion of expired items.

mod expiry;
mod items;
mod round_trips;
mod units;
