//! Which part of a list is asked for? Lists are ordered by name and seek; what is hidden is left out before pages are cut.

use lakegate_catalog::object::Stored;
use lakegate_openapi::list as wire;
use serde::Serialize;

use super::{Desk, objects};
use crate::{
    cursor::{CursorScope, page_limit},
    error::Result,
};

/// Name in lower case, then id: a place in every list of stored objects.
pub type NamePlace = (String, String);

/// A page of a list by name, with what its next cursor is bound to.
#[derive(Clone, Debug)]
pub struct NamePage {
    after: Option<NamePlace>,
    limit: usize,
    scope: CursorScope,
}

impl NamePage {
    /// The page that the parameters ask for; `filter` is everything else that chooses rows.
    ///
    /// # Errors
    /// `INVALID_CURSOR`, or `INVALID_REQUEST` for the limit.
    pub fn of(desk: &Desk, route: &'static str, filter: &impl Serialize, page: &wire::Page) -> Result<Self> {
        let scope = CursorScope::new(desk.caller(), route, filter);
        let after = match &page.cursor {
            Some(cursor) => Some(desk.app().cursors.open(&scope, cursor)?),
            None => None,
        };
        let limit = usize::try_from(page_limit(page.limit)?).unwrap_or(usize::MAX);
        Ok(Self { after, limit, scope })
    }

    /// Where an object stands.
    #[must_use]
    pub fn place<B>(object: &Stored<B>) -> NamePlace {
        objects::place(&object.name, &object.id)
    }

    /// Where something stands that is listed in an order of its own, not by name.
    #[must_use]
    pub fn position(at: usize) -> NamePlace {
        (format!("{at:010}"), String::new())
    }

    /// Cuts the page out of visible rows in any order.
    ///
    /// # Errors
    /// Those of `show`.
    pub fn cut<T, U>(
        &self,
        desk: &Desk,
        rows: impl IntoIterator<Item = (NamePlace, T)>,
        show: impl Fn(T) -> Result<U>,
    ) -> Result<wire::List<U>> {
        let mut rows: Vec<_> = rows
            .into_iter()
            .filter(|(place, _)| self.after.as_ref().is_none_or(|after| place > after))
            .collect();
        rows.sort_by(|(left, _), (right, _)| left.cmp(right));
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows
            .last()
            .filter(|_| more)
            .map(|(place, _)| desk.app().cursors.seal(&self.scope, place));
        let items = rows.into_iter().map(|(_, row)| show(row)).collect::<Result<_>>()?;
        Ok(wire::List {
            items,
            next_cursor: last,
        })
    }
}
