//! Which tags does a column of a view have? Those of the columns that it is computed from, beside its own.
//!
//! Per key: of an ordered key the most restrictive of all values, the column's own and those above it included, so that no view
//! makes less of a value. Of another key what the column says itself, else what its sources say; where they disagree nobody
//! knows what protects the value, and the view is not read until somebody tags the column ([`Snapshot::unsettled_tags`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    id::ObjectId,
    object::Stored,
    relation::View,
    snapshot::{ColumnSlot, Snapshot, Tags},
};

/// Views upon views that are followed; deeper ones cannot be read.
const MAX_DEPTH: usize = 16;

/// Values by key, as the sources of a column have them.
type Inherited = BTreeMap<String, BTreeSet<String>>;

impl Snapshot {
    /// Columns of a view, and the keys on which what they are computed from disagrees without a say of the column.
    #[must_use]
    pub fn unsettled_tags(&self, view: &View) -> Vec<(String, String)> {
        let mut lineage = Lineage::of(self);
        let mut unsettled = Vec::new();
        for (column, sources) in view.columns.iter().zip(&view.lineage) {
            for (key, values) in lineage.inherited(sources, 0) {
                let ordered = self.find_tag(&key).is_some_and(|tag| tag.body.ordered);
                if values.len() > 1 && !ordered && !column.tags.contains_key(&key) {
                    unsettled.push((column.name.clone(), key));
                }
            }
        }
        unsettled
    }

    pub(super) fn tags_of_view_column(&self, view: &Stored<View>, column: usize) -> Tags {
        Lineage::of(self).tags(view, column, 0)
    }
}

struct Lineage<'a> {
    snapshot: &'a Snapshot,
    /// Columns of views that were followed already.
    known: HashMap<ObjectId, Tags>,
}

impl<'a> Lineage<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            known: HashMap::new(),
        }
    }

    fn tags(&mut self, view: &Stored<View>, at: usize, depth: usize) -> Tags {
        let mut tags = self.snapshot.effective_tags_of_view(&view.id);
        let none = Tags::new();
        let own = view.body.columns.get(at).map_or(&none, |column| &column.tags);
        let sources: &[ObjectId] = view.body.lineage.get(at).map_or(&[], Vec::as_slice);
        let inherited = self.inherited(sources, depth);
        let keys: BTreeSet<&String> = inherited.keys().chain(own.keys()).collect();
        let mut decided = Tags::new();
        for key in keys {
            let values = inherited.get(key).into_iter().flatten();
            let tag = self.snapshot.find_tag(key).filter(|tag| tag.body.ordered);
            let value = match tag {
                Some(tag) => {
                    let all = values.chain(own.get(key)).chain(tags.get(key));
                    // A value that the key does not know is not known to be harmless.
                    let rank = |value: &&String| tag.body.values.iter().position(|known| known == *value);
                    all.max_by_key(|value| rank(value).unwrap_or(usize::MAX))
                }
                None => own.get(key).or_else(|| values.into_iter().next()),
            };
            decided.extend(value.map(|value| (key.clone(), value.clone())));
        }
        tags.extend(decided);
        tags
    }

    fn inherited(&mut self, sources: &[ObjectId], depth: usize) -> Inherited {
        let mut inherited = Inherited::new();
        for source in sources {
            for (key, value) in self.of_column(source, depth) {
                inherited.entry(key).or_default().insert(value);
            }
        }
        inherited
    }

    fn of_column(&mut self, id: &ObjectId, depth: usize) -> Tags {
        let Some(ColumnSlot::View(view, at)) = self.snapshot.column_slot(id) else {
            return self.snapshot.effective_tags_of_column(id);
        };
        if depth >= MAX_DEPTH {
            return Tags::new();
        }
        if let Some(known) = self.known.get(id) {
            return known.clone();
        }
        let Some(view) = self.snapshot.views.get(view) else {
            return Tags::new();
        };
        let tags = self.tags(view, at, depth + 1);
        self.known.insert(id.clone(), tags.clone());
        tags
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Utc;

    use super::*;
    use crate::{
        governance::TagKey,
        object::Noun,
        relation::{Column, ViewSecurity},
    };

    fn stored<B: Noun>(id: &str, body: B) -> Arc<Stored<B>> {
        Arc::new(Stored {
            id: ObjectId::from_stored(id),
            parent: None,
            name: id.to_owned(),
            version: 1,
            lake: "local".to_owned(),
            created_at: Utc::now(),
            updated_at: Utc::now(),
            body,
        })
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let owned = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    /// A view of one column, computed from others.
    fn view(id: &str, own: &[(&str, &str)], above: &[(&str, &str)], sources: &[&str]) -> Arc<Stored<View>> {
        let column = Column {
            id: ObjectId::from_stored(format!("{id}.c")),
            name: "c".to_owned(),
            remote_name: None,
            data_type: "varchar".to_owned(),
            nullable: true,
            comment: None,
            tags: tags(own),
            partition: false,
        };
        let body = View {
            sql: String::new(),
            security: ViewSecurity::Invoker,
            columns: vec![column],
            lineage: vec![
                sources
                    .iter()
                    .map(|source| ObjectId::from_stored(format!("{source}.c")))
                    .collect(),
            ],
            within: Default::default(),
            bases: Vec::new(),
            comment: None,
            owner: None,
            tags: tags(above),
        };
        stored(id, body)
    }

    fn snapshot(views: Vec<Arc<Stored<View>>>) -> Snapshot {
        let values = ["none", "email", "ssn"].map(str::to_owned).to_vec();
        let pii = TagKey { values, ordered: true };
        let snapshot = Snapshot {
            views,
            tags: vec![stored("pii", pii), stored("domain", TagKey::default())],
            ..Snapshot::default()
        };
        snapshot.indexed()
    }

    fn of(snapshot: &Snapshot, view: &str) -> Tags {
        snapshot.effective_tags_of_column(&ObjectId::from_stored(format!("{view}.c")))
    }

    #[test]
    fn of_an_ordered_key_the_most_restrictive_value_holds_through_views() {
        let email = view("email", &[("pii", "email")], &[], &[]);
        let ssn = view("ssn", &[("pii", "ssn")], &[], &[]);
        let middle = view("middle", &[], &[], &["email", "ssn"]);
        let lowered = view("lowered", &[("pii", "none")], &[], &["middle"]);
        let above = view("above", &[], &[("pii", "ssn")], &["email"]);
        let unknown = view("unknown", &[("pii", "new")], &[], &["ssn"]);
        let snapshot = snapshot(vec![email, ssn, middle, lowered, above, unknown]);
        for name in ["middle", "lowered", "above"] {
            assert_eq!(of(&snapshot, name), tags(&[("pii", "ssn")]), "{name}");
        }
        assert_eq!(of(&snapshot, "unknown"), tags(&[("pii", "new")]));
    }

    #[test]
    fn of_another_key_sources_agree_or_the_column_says_it() {
        let hr = view("hr", &[("domain", "hr")], &[], &[]);
        let sales = view("sales", &[], &[("domain", "sales")], &[]);
        let same = view("same", &[], &[("domain", "other")], &["hr"]);
        let both = view("both", &[], &[], &["hr", "sales"]);
        let said = view("said", &[("domain", "sales")], &[], &["hr", "sales"]);
        let snapshot = snapshot(vec![hr, sales, same, both, said]);
        assert_eq!(of(&snapshot, "same"), tags(&[("domain", "hr")]));
        assert_eq!(of(&snapshot, "said"), tags(&[("domain", "sales")]));
        let unsettled = |name: &str| {
            let view = snapshot.view(&ObjectId::from_stored(name)).unwrap();
            snapshot.unsettled_tags(&view.body)
        };
        assert_eq!(unsettled("both"), [("c".to_owned(), "domain".to_owned())]);
        assert!(unsettled("said").is_empty() && unsettled("same").is_empty());
    }
}
