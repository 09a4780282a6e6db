//! What does a change of a view need? Above all: nobody reads with rights that they were not lent.

use std::collections::BTreeSet;

use lakegate_catalog::{
    id::ObjectId,
    object::Stored,
    relation::{View, ViewSecurity},
};
use lakegate_policy::Action;
use lakegate_query::{context::Caller, entities::ObjectRef};

use super::{Need, find, made_in, retagged, tagging};
use crate::lake::{change::Change, draft::Draft};

pub(super) fn needs(draft: &Draft, change: &Change, caller: &Caller) -> Vec<Need> {
    let before = find::<View>(&draft.before, &change.id);
    let after = find::<View>(&draft.after, &change.id);
    let parent = after.as_ref().and_then(|after| after.parent.clone());
    let mut needs = if retagged::is_retagged(before.as_ref(), after.as_ref(), retagged::view) {
        Vec::new()
    } else {
        made_in(draft, change, ("View", Action::CreateView), ("Database", parent))
    };
    if let Some(after) = &after
        && lends(draft, before.as_ref(), after, caller)
    {
        needs.push(Need::new(Action::ManagePolicy, ObjectRef::policy_store()));
    }
    let tags = |view: Option<&Stored<View>>| view.map(|view| view.body.tags.clone()).unwrap_or_default();
    let (old, new) = (tags(before.as_ref()), tags(after.as_ref()));
    needs.extend(tagging(draft, &old, &new, "View", &change.id));
    for column in after.iter().flat_map(|after| &after.body.columns) {
        let mut known = before.iter().flat_map(|before| &before.body.columns);
        let known = known.find(|known| known.id == column.id);
        let tags = known.map(|known| known.tags.clone()).unwrap_or_default();
        needs.extend(tagging(draft, &tags, &column.tags, "Column", &column.id));
    }
    needs
}

/// Does the change make a text run with the rights of somebody else than the caller? Whoever may do that may write policies.
fn lends(draft: &Draft, before: Option<&Stored<View>>, after: &Stored<View>, caller: &Caller) -> bool {
    let settled = before.is_some_and(|before| reads(&before.body) == reads(&after.body));
    !settled
        && match &after.body.security {
            ViewSecurity::Definer(definer) => *definer != caller.user,
            ViewSecurity::Invoker => lent_through(draft, &after.id, caller, &mut BTreeSet::new()),
        }
}

/// Does a view of somebody else's rights read this one, directly or through others that read with the rights of their reader?
/// Then what this one reads is read with those rights.
fn lent_through(draft: &Draft, view: &ObjectId, caller: &Caller, seen: &mut BTreeSet<ObjectId>) -> bool {
    let above = draft.before.views.iter().chain(&draft.after.views);
    let above = above.filter(|above| above.body.bases.iter().any(|base| base.id == *view));
    let above: Vec<_> = above.collect();
    above.into_iter().any(|above| match &above.body.security {
        ViewSecurity::Definer(definer) => *definer != caller.user,
        ViewSecurity::Invoker => seen.insert(above.id.clone()) && lent_through(draft, &above.id, caller, seen),
    })
}

/// What is read, and with whose rights.
fn reads(view: &View) -> (View, Vec<(ObjectId, String, String)>) {
    let columns = view.columns.iter();
    let columns = columns.map(|column| (column.id.clone(), column.name.clone(), column.data_type.clone()));
    let columns = columns.collect();
    let body = View {
        columns: Vec::new(),
        comment: None,
        owner: None,
        tags: Default::default(),
        ..view.clone()
    };
    (body, columns)
}
