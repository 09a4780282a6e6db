//! How are stored resources read and changed over REST? As one caller, under one snapshot, through the engine of lakes.
//!
//! Every write becomes a lake of one entry ([`crate::lake`]): same checks, decisions and audit events as in a file. What the
//! caller may not see is missing, in the same bytes.

mod asked;
mod authority;
mod desk;
mod granting;
mod if_match;
mod inquiry;
mod keys;
pub(crate) mod mask_keys;
mod objects;
mod page;
mod partitions;
mod reach;
mod refusal;
mod relations;
mod spending;
mod tagged;

pub use self::{
    asked::{Asked, Target},
    desk::Desk,
    granting::GrantWish,
    if_match::IfMatch,
    inquiry::{Answer, Found, Inquiry, Sight, Simulated, Wish},
    keys::NewKey,
    page::NamePage,
    refusal::refusal,
    relations::{ColumnName, DatabaseName},
    spending::place as place_of_usage,
    tagged::Tagged,
};
