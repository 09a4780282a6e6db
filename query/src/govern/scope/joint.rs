//! What is left where two users must both be allowed to see? Rows by AND, cells by the weaker of both (governance.md §2.1).
//!
//! Each part is compiled with the attributes of the user whose part it is; which mask is weaker is decided in `policy`.

use datafusion::logical_expr::{Expr, Operator, lit};
use lakegate_connectors::predicate::Predicate;
use lakegate_policy::{Clear, ColumnAccess, Joint, MaskChoice};

use super::{Compiler, inputs};
use crate::{
    behalf,
    error::Result,
    govern::{
        row_filter::{all, binary},
        scope::column::{Leaf, Shown},
    },
};

/// One cell of both users.
struct Pair<'a> {
    own: &'a ColumnAccess,
    other: &'a ColumnAccess,
    neither: &'a MaskChoice,
}

impl Compiler<'_> {
    /// Rows that both see.
    pub(super) fn rows_of_both(&mut self, joint: &Joint) -> Result<(Vec<Expr>, Predicate)> {
        let (mut conjuncts, own) = self.rows_of(&joint.own.rows, &joint.own.restrictive)?;
        let (theirs, other) = self.as_other(|it| it.rows_of(&joint.other.rows, &joint.other.restrictive))?;
        conjuncts.extend(theirs);
        Ok((conjuncts, all(vec![own, other])))
    }

    /// A leaf as both see it; `None`: there is only one user.
    pub(super) fn leaf_of_both(&mut self, leaf: &Leaf<'_>, id: &str) -> Result<Option<Shown>> {
        let Some(joint) = &self.grant.access.joint else {
            return Ok(None);
        };
        let columns = joint.own.columns.iter().zip(&joint.other.columns);
        let pair = columns
            .zip(&joint.neither)
            .find(|((own, other), _)| own.id == id && other.id == id)
            .map(|((own, other), neither)| Pair { own, other, neither });
        let pair = pair.ok_or_else(|| self.unfit())?;
        self.both(leaf, id, &pair).map(Some)
    }

    fn both(&mut self, leaf: &Leaf<'_>, id: &str, pair: &Pair<'_>) -> Result<Shown> {
        let own = self.clear_where(&pair.own.clear)?;
        let other = self.as_other(|it| it.clear_where(&pair.other.clear))?;
        if own.is_none() && other.is_none() {
            return Ok(leaf.clear());
        }
        let hidden = |it: &mut Self, choice: &MaskChoice| it.unclear(leaf, choice, id);
        let (ours, theirs, neither) = (
            hidden(self, &pair.own.mask)?,
            hidden(self, &pair.other.mask)?,
            hidden(self, pair.neither)?,
        );
        let always = || lit(true);
        let (own, other) = (own.unwrap_or_else(always), other.unwrap_or_else(always));
        let clear = binary(own.clone(), Operator::And, other.clone());
        // Clear to one user only: what the other sees. The order of the choices is that of the page.
        let unclear = leaf.choose(own, theirs, leaf.choose(other, ours, neither));
        Ok(leaf.shown_where(clear, unclear))
    }

    /// The condition under which a cell is clear; `None`: always.
    fn clear_where(&mut self, clear: &Clear) -> Result<Option<Expr>> {
        Ok(match clear {
            Clear::Always => None,
            Clear::Never => Some(lit(false)),
            Clear::Where(ids) => Some(self.some(ids)?.0),
        })
    }

    /// Compiles with the attributes of the user on whose behalf the caller acts.
    fn as_other<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let other = behalf::caller(self.cx).ok_or_else(|| self.unfit())?;
        let other = inputs(self.cx, &other);
        let own = std::mem::replace(&mut self.inputs, other);
        let conditions = std::mem::replace(&mut self.conditions, &self.grant.other_conditions);
        let done = work(self);
        (self.inputs, self.conditions) = (own, conditions);
        done
    }
}
