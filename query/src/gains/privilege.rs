//! Who may do more, and who less, with an object? Every action of the schema that is no reading of rows.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, Grantee, User},
    object::Stored,
};
use lakegate_policy::{
    Action, Authorizer, ContextFacts, Entity, GrantContext, PolicyError, Privilege, Request, RequestContext,
};

use super::{
    Comparison, SIGHT,
    effect::{Affected, Direction, Happening, Part},
    object::{Object, word},
    person::Person,
    situation::situations_of,
    touched::{Selection, changed},
};
use crate::entities::{Closure, ObjectRef};

/// One question; of `Grant` and `Revoke` with what is granted.
struct Question {
    action: Action,
    grant: Option<Wish>,
    /// How it is told: `alter`, `grant select`.
    item: String,
}

/// What is granted.
#[derive(Clone)]
struct Wish {
    privilege: String,
    role: Option<ObjectId>,
    with_grant_option: bool,
}

impl<'a> Comparison<'a> {
    /// Privileges on a group of objects, the first of which contains the others.
    pub(super) fn privileges(&mut self, group: &[Object]) {
        let lineage = group.iter().flat_map(|object| &object.lineage);
        let selection = self.touched.selection(lineage);
        let actions = |object: &Object| self.actions(object, &selection);
        let plan: Vec<(&Object, Vec<Question>)> = group
            .iter()
            .filter(|object| self.is_there(object))
            .map(|object| (object, actions(object)))
            .filter(|(_, questions)| !questions.is_empty())
            .collect();
        let Some((first, _)) = plan.first() else { return };
        let questions: usize = plan.iter().map(|(_, questions)| questions.len()).sum();
        if !self.spend(2 * questions * selection.people.len(), first) {
            return;
        }
        let objects: Vec<&Object> = plan.iter().map(|(object, _)| *object).collect();
        let old = self.old(&objects, &selection);
        let new = match self.new_one(&objects, &selection) {
            Ok(new) => new,
            Err(_) => return self.found.add_unknown(first.affected.clone(), "it cannot be decided"),
        };
        for at in &selection.people {
            for (object, questions) in &plan {
                self.ask(*at, object, questions, (old.as_ref(), &new));
            }
        }
    }

    /// Is there something to hold privileges on? What is dropped is told with its rows.
    fn is_there(&self, object: &Object) -> bool {
        let affected = &object.affected;
        matches!(affected.entity_type.as_str(), "Query" | "DataLocation")
            || self
                .after
                .snapshot
                .name_of(&affected.entity_type, &affected.id)
                .is_some()
    }

    fn actions(&self, object: &Object, selection: &Selection) -> Vec<Question> {
        let entity = object.affected.entity_type.as_str();
        let told = |action: &Action| object.of_table && SIGHT.contains(action);
        let asked = selection
            .actions
            .iter()
            .copied()
            .filter(|action| action.applies_to(entity) && !told(action));
        let mut questions = Vec::new();
        for action in asked {
            if !action.needs_grant_context() {
                questions.push(Question {
                    action,
                    grant: None,
                    item: action.kebab().to_owned(),
                });
                continue;
            }
            for wish in self.wishes() {
                let to = if wish.role.is_some() { " to roles" } else { "" };
                let option = if wish.with_grant_option {
                    " with grant option"
                } else {
                    ""
                };
                questions.push(Question {
                    action,
                    item: format!("{} {}{to}{option}", action.kebab(), wish.privilege),
                    grant: Some(wish),
                });
            }
        }
        questions
    }

    /// What policies may tell apart when somebody grants: privileges, roles, the grant option.
    fn wishes(&self) -> Vec<Wish> {
        let known: BTreeSet<&str> = Privilege::every()
            .map(Privilege::name)
            .chain(Action::ALL.iter().map(|action| action.name()))
            .collect();
        let named = self
            .words
            .texts
            .iter()
            .filter(|text| self.words.reads("privilege") && known.contains(text.as_str()));
        let mut privileges: BTreeSet<String> = named.cloned().collect();
        privileges.insert(Action::Select.kebab().to_owned());
        let roles: Vec<Option<ObjectId>> = if self.words.reads("grantee_role") {
            let roles = self.after.snapshot.roles.iter();
            let named = roles.filter(|role| self.words.texts.contains(role.id.as_str()));
            std::iter::once(None)
                .chain(named.map(|role| Some(role.id.clone())))
                .collect()
        } else {
            vec![None]
        };
        let options: &[bool] = if self.words.reads("with_grant_option") {
            &[false, true]
        } else {
            &[false]
        };
        let mut wishes = Vec::new();
        for privilege in &privileges {
            for role in &roles {
                wishes.extend(options.iter().map(|with_grant_option| Wish {
                    privilege: privilege.clone(),
                    role: role.clone(),
                    with_grant_option: *with_grant_option,
                }));
            }
        }
        wishes
    }

    /// What decides after the change.
    fn new_one(&self, objects: &[&Object], selection: &Selection) -> Result<Authorizer<'a>, PolicyError> {
        let mut closure = Closure::new(self.after.snapshot);
        self.gather(&mut closure, (objects, selection), |person| &person.after, |_| true)?;
        Authorizer::new(&self.after.policies, closure.entities())
    }

    /// What decided before it. Of what is new: what would have decided, so that making something is no gain by itself. What
    /// cannot be decided permits nothing.
    fn old(&self, objects: &[&Object], selection: &Selection) -> Option<Authorizer<'a>> {
        let mut fresh = Closure::new(self.after.snapshot);
        let nobody = Selection::default();
        self.gather(
            &mut fresh,
            (objects, &nobody),
            |person| &person.before,
            |object| !object.known,
        )
        .ok()?;
        let mut known = Closure::new(self.before.snapshot);
        self.gather(
            &mut known,
            (objects, selection),
            |person| &person.before,
            |object| object.known,
        )
        .ok()?;
        let all = fresh.entities().into_iter().chain(known.entities());
        let all: BTreeMap<String, Entity> = all.map(|entity| (entity.uid().to_string(), entity)).collect();
        Authorizer::new(&self.before.policies, all.into_values().collect()).ok()
    }

    fn gather(
        &self,
        closure: &mut Closure<'_>,
        (objects, selection): (&[&Object], &Selection),
        user: impl Fn(&Person) -> &User,
        wanted: impl Fn(&Object) -> bool,
    ) -> Result<(), PolicyError> {
        let people = || {
            self.people
                .iter()
                .enumerate()
                .filter(|(at, _)| selection.people.contains(at))
        };
        for object in objects.iter().filter(|object| wanted(object)) {
            match people().next() {
                Some(_) => people().try_for_each(|(_, person)| closure.object(&object.target.reference(person)))?,
                None => {
                    let anybody = self.people.iter();
                    anybody
                        .map(|person| object.target.reference(person))
                        .try_for_each(|reference: ObjectRef| closure.object(&reference))?;
                }
            }
        }
        for role in self.wishes().into_iter().filter_map(|wish| wish.role) {
            closure.object(&ObjectRef::new("Role", role.as_str()))?;
        }
        people().try_for_each(|(_, person)| closure.person(&person.id, user(person), &[]))
    }

    fn ask(
        &mut self,
        at: usize,
        object: &Object,
        questions: &[Question],
        (old, new): (Option<&Authorizer<'_>>, &Authorizer<'_>),
    ) {
        let people = self.people;
        let Some(person) = people.get(at) else { return };
        let mut seen: BTreeSet<(Direction, String)> = BTreeSet::new();
        for situation in situations_of(self.situations, person) {
            let mut items: BTreeMap<Direction, Vec<String>> = BTreeMap::new();
            for question in questions {
                let may =
                    |authorizer: &Authorizer<'_>| allowed(authorizer, (person, object), question, &situation.request);
                let (before, after) = (old.is_some_and(may), may(new));
                let direction = match (before, after) {
                    (false, true) => Direction::Gain,
                    (true, false) => Direction::Loss,
                    _ => continue,
                };
                let fresh = seen.insert((direction, question.item.clone()));
                if fresh && !self.is_told(at, object, (direction, &question.item)) {
                    items.entry(direction).or_default().push(question.item.clone());
                }
            }
            for (direction, items) in items {
                let happening = held(direction, object.affected.clone(), items);
                let when = situation.label.clone();
                self.found.add(Happening { when, ..happening }, at);
            }
        }
        let own = object.lineage.first().cloned().unwrap_or_default();
        self.told.extend(
            seen.into_iter()
                .map(|(direction, item)| (at, direction, item, own.clone())),
        );
    }

    /// Who may pass on from now on what they have, and who no longer.
    pub(super) fn grant_options(&mut self) {
        let (before, after) = (self.before.snapshot, self.after.snapshot);
        for (old, new) in changed((&before.grants, &after.grants)) {
            let passes = |grant: Option<&Stored<Grant>>| grant.is_some_and(|grant| grant.body.with_grant_option);
            let (direction, grant) = match (passes(old), passes(new)) {
                (false, true) => (Direction::Gain, new),
                (true, false) => (Direction::Loss, old),
                _ => continue,
            };
            let Some(body) = grant.map(|grant| &grant.body) else {
                continue;
            };
            let (Grantee::User(holder) | Grantee::Role(holder)) = &body.to;
            let (entity, id) = (body.object.entity_type.as_str(), body.object.id.as_str());
            let snapshot = if direction == Direction::Gain { after } else { before };
            let affected = Affected {
                name: format!(
                    "{}:{}",
                    word(entity),
                    snapshot.name_of(entity, id).unwrap_or_else(|| id.to_owned())
                ),
                entity_type: entity.to_owned(),
                id: id.to_owned(),
            };
            let mut happening = held(direction, affected, vec![body.privilege.clone()]);
            happening.part = Part::GrantOption;
            let people = self.people.iter().enumerate();
            for (at, _) in people.filter(|(_, person)| person.holds.contains(holder)) {
                self.found.add(happening.clone(), at);
            }
        }
    }

    /// Users that are no more.
    pub(super) fn gone(&mut self) {
        for (old, new) in changed((&self.before.snapshot.users, &self.after.snapshot.users)) {
            if let (Some(user), None) = (old, new) {
                let affected = Affected {
                    name: format!("user:{}", user.name),
                    entity_type: "User".to_owned(),
                    id: user.id.to_string(),
                };
                let mut happening = held(Direction::Loss, affected, Vec::new());
                happening.part = Part::Principal;
                happening.before = "everything".to_owned();
                happening.after = "nothing: deleted".to_owned();
                self.found.add_for_nobody(happening);
            }
        }
    }
}

fn held(direction: Direction, object: Affected, items: Vec<String>) -> Happening {
    let (before, after) = match direction {
        Direction::Gain => ("no", "yes"),
        Direction::Loss => ("yes", "no"),
    };
    Happening {
        direction,
        object,
        part: Part::Privileges,
        items,
        before: before.to_owned(),
        after: after.to_owned(),
        when: None,
        compared: true,
    }
}

fn allowed(
    authorizer: &Authorizer<'_>,
    (person, object): (&Person, &Object),
    question: &Question,
    request: &RequestContext,
) -> bool {
    let grant = question.grant.as_ref().map(|wish| GrantContext {
        request: request.clone(),
        privilege: wish.privilege.clone(),
        grantee_role: wish.role.as_ref().map(ToString::to_string),
        with_grant_option: wish.with_grant_option,
        expires: None,
    });
    let context: &dyn ContextFacts = match &grant {
        Some(grant) => grant,
        None => request,
    };
    let question = Request {
        principal: person.id.as_str(),
        action: question.action,
        resource: object.target.reference(person).uid(),
        context,
    };
    authorizer.decide(&question).is_allowed()
}
