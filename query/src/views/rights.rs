//! May a view read what it reads? Its bases with the caller's rights, or with those of a definer who may pass them on.

use std::{collections::BTreeMap, fmt, sync::Arc};

use datafusion::arrow::datatypes::DataType;
use lakegate_catalog::{
    governance::BoundColumn,
    id::ObjectId,
    identity::{Grant, Grantee},
    name::TableName,
    object::Stored,
    relation::{View, ViewBase, ViewSecurity},
    snapshot::TablePath,
};
use lakegate_policy::{Action, Authorizer, BoundCondition, GrantContext, PolicyError, RequestContext, resource};

use super::{Invoker, MAX_DEPTH, Through};
use crate::{
    authorize::{self, RelationGrant, conditions, leaves},
    behalf,
    context::{Caller, QueryContext},
    entities::{Closure, Governor, ObjectRef, passed_on},
    type_name::parse_type,
};

/// What a view reads, decided with the rights that it is read with.
#[derive(Clone, Debug)]
pub struct Base {
    /// As the view's text names it.
    pub name: TableName,
    /// Whose rights these are.
    pub reader: String,
    /// The definer view that lends its definer's rights, if one does.
    pub via_view: Option<ObjectId>,
    /// `None`: it is gone.
    pub grant: Option<RelationGrant>,
    /// Why the view cannot read it.
    pub broken: Option<Broken>,
}

/// Why a view cannot be read. To its readers it is not there; told only to who may alter it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Broken {
    /// Too deep, or in a circle.
    Depth,
    /// The definer is no user any more.
    Definer,
    /// What it is computed from disagrees about a tag.
    Tags { column: String, key: String },
    /// A base was dropped.
    Gone(TableName),
    /// A column of a base was dropped, or has another type.
    Column { base: TableName, column: String },
    /// The reader may not read the base, or not the column.
    Hidden(TableName),
    /// The definer may read the base but not pass that on.
    GrantOption(TableName),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "it stands on more than {MAX_DEPTH} views, or on itself"),
            Self::Definer => f.write_str("its definer does not exist any more"),
            Self::Tags { column, key } => write!(
                f,
                "what column `{column}` is computed from has different values of tag `{key}`; tag the column itself"
            ),
            Self::Gone(base) => write!(f, "`{base}`, which it reads, does not exist any more"),
            Self::Column { base, column } => {
                write!(
                    f,
                    "column `{column}` of `{base}` is gone, or has another type than when the view was made"
                )
            }
            Self::Hidden(base) => write!(f, "`{base}` may not be read by whose rights it uses"),
            Self::GrantOption(base) => write!(f, "its definer may not pass on `select` on `{base}`"),
        }
    }
}

/// Somebody who reads through definer views, and the restrictive filters that bind them below.
#[derive(Clone, Debug)]
pub struct Other {
    pub caller: Caller,
    /// Ids, sorted.
    pub restrictive: Vec<String>,
    /// The Cedar bodies among them, with this person's facts.
    pub conditions: BTreeMap<String, BoundCondition>,
}

impl QueryContext {
    /// Are the rights used here lent by a definer?
    pub(crate) fn is_lent(&self) -> bool {
        !self.through.invokers.is_empty()
    }

    /// The context in which the body of a view is decided and planned.
    pub(crate) fn inside(&self, view: &Stored<View>) -> Result<Arc<Self>, Broken> {
        if self.through.views.len() >= MAX_DEPTH || self.through.views.contains(&view.id) {
            return Err(Broken::Depth);
        }
        let mut through = self.through.clone();
        through.views.push(view.id.clone());
        let ViewSecurity::Definer(definer) = &view.body.security else {
            return Ok(self.reading(through, self.caller.clone(), self.request.clone()));
        };
        let user = self.snapshot.user(definer).ok_or(Broken::Definer)?;
        through.invokers.push(Arc::new(Invoker {
            caller: self.caller.clone(),
            request: self.request.clone(),
        }));
        // Whom the caller acts for is bound by the restrictive filters below as the caller is.
        through.invokers.extend(behalf::caller(self).map(|caller| {
            let request = self.request.clone();
            Arc::new(Invoker { caller, request })
        }));
        // INVARIANT: the definer's identity, the caller's circumstances. No role of the caller's token comes along.
        let caller = Caller {
            user: user.id.clone(),
            name: user.name.clone(),
            key: None,
            extra_roles: Vec::new(),
            ..self.caller.clone()
        };
        let request = RequestContext {
            via_view: Some(view.id.to_string()),
            ..self.request.clone()
        };
        Ok(self.reading(through, caller, request))
    }

    fn reading(&self, through: Through, caller: Caller, request: RequestContext) -> Arc<Self> {
        Arc::new(Self {
            through,
            caller,
            request,
            ..self.clone()
        })
    }
}

/// Decides all that a view reads, and why it cannot be read, if it cannot.
///
/// # Errors
/// When the facts cannot be put to Cedar.
pub(crate) fn bases(cx: &QueryContext, view: &Stored<View>) -> Result<(Vec<Base>, Option<Broken>), PolicyError> {
    let inside = match cx.inside(view) {
        Ok(inside) => inside,
        Err(broken) => return Ok((Vec::new(), Some(broken))),
    };
    let bases = view.body.bases.iter().map(|base| decided(&inside, base));
    let bases = bases.collect::<Result<Vec<_>, _>>()?;
    let unsettled = cx.snapshot.unsettled_tags(&view.body).into_iter().next();
    let broken = bases.iter().find_map(|base| base.broken.clone());
    let broken = broken.or_else(|| unsettled.map(|(column, key)| Broken::Tags { column, key }));
    Ok((bases, broken))
}

fn decided(inside: &QueryContext, base: &ViewBase) -> Result<Base, PolicyError> {
    let mut found = Base {
        name: base.name.clone(),
        reader: inside.caller.name.clone(),
        via_view: inside.request.via_view.as_deref().map(ObjectId::from_stored),
        grant: None,
        broken: None,
    };
    let Some(path) = inside.snapshot.relation_path(&base.id) else {
        found.broken = Some(Broken::Gone(base.name.clone()));
        return Ok(found);
    };
    let grant = authorize::decided(inside, &path)?;
    found.broken = broken(inside, base, &grant);
    found.grant = Some(grant);
    Ok(found)
}

fn broken(inside: &QueryContext, base: &ViewBase, grant: &RelationGrant) -> Option<Broken> {
    if !grant.is_readable() {
        return Some(Broken::Hidden(base.name.clone()));
    }
    for bound in base.columns.iter().filter(|bound| base.uses.contains(&bound.id)) {
        let Some(position) = bound_at(&grant.path, bound) else {
            let (base, column) = (base.name.clone(), bound.name.clone());
            return Some(Broken::Column { base, column });
        };
        // A column of which a field is hidden has another type than the view was made of.
        let leaves = leaves(&grant.path.table);
        let mut own = leaves.iter().zip(&grant.access.columns);
        if own.any(|(leaf, access)| leaf.column == position && !access.is_visible()) {
            return Some(Broken::Hidden(base.name.clone()));
        }
    }
    let lent = inside.is_lent() && !may_pass_on(inside, &grant.path);
    lent.then(|| Broken::GrantOption(base.name.clone()))
}

/// Where a bound column stands now; `None` if it was dropped or has another type.
pub(super) fn bound_at(path: &TablePath, bound: &BoundColumn) -> Option<usize> {
    let mut columns = path.table.body.columns.iter();
    let types = |now: &str, then: &str| -> Option<(DataType, DataType)> {
        Some((parse_type(now).ok()?, parse_type(then).ok()?))
    };
    columns.position(|column| {
        column.id == bound.id
            && (column.data_type == bound.data_type
                || types(&column.data_type, &bound.data_type).is_some_and(|(now, then)| now == then))
    })
}

/// Does the reader hold `select` on the relation with grant option, or does a policy let them grant it there?
fn may_pass_on(cx: &QueryContext, path: &TablePath) -> bool {
    let snapshot = &cx.snapshot;
    let roles = snapshot.roles_of(&cx.caller.user);
    let to_reader = |to: &Grantee| match to {
        Grantee::User(id) => *id == cx.caller.user,
        Grantee::Role(id) => roles.contains(id),
    };
    let covers = |entity_type: &str, id: &ObjectId| match entity_type {
        "Table" | "View" => *id == path.table.id,
        "Database" => *id == path.database.id,
        "Catalog" => *id == path.catalog.id,
        "Tenant" => true,
        _ => false,
    };
    let now = cx.request.now;
    let lasts = |grant: &Stored<Grant>| {
        let end = passed_on::in_force(snapshot, grant);
        end.is_some_and(|end| end.is_none_or(|end| now < end.timestamp_millis()))
    };
    let granted = snapshot.grants.iter().filter(|grant| lasts(grant)).any(|grant| {
        let grant = &grant.body;
        grant.with_grant_option
            && matches!(grant.privilege.as_str(), "select" | "all")
            && covers(&grant.object.entity_type, &grant.object.id)
            && to_reader(&grant.to)
    });
    granted || {
        let context = GrantContext {
            request: RequestContext {
                via_view: None,
                on_behalf_of: None,
                ..cx.request.clone()
            },
            privilege: Action::Select.name().to_owned(),
            grantee_role: None,
            with_grant_option: false,
            expires: None,
        };
        let object = ObjectRef::new(path.entity_type(), path.table.id.as_str());
        Governor::new(Arc::clone(snapshot), Arc::clone(&cx.policies))
            .decide_grant(&cx.caller, &context, Action::Grant, &object)
            .is_allowed()
    }
}

/// Which restrictive filters of a relation bind those who read it through definer views?
///
/// # Errors
/// When the facts cannot be put to Cedar.
pub(crate) fn others(cx: &QueryContext, path: &TablePath) -> Result<Vec<Other>, PolicyError> {
    let filters = cx.snapshot.filters_of(&path.table.id);
    let restrictive = filters.into_iter().filter(|filter| filter.body.restrictive);
    let restrictive: Vec<&ObjectId> = restrictive.map(|filter| &filter.id).collect();
    if restrictive.is_empty() {
        return Ok(Vec::new());
    }
    let invokers = cx.through.invokers.iter();
    let readers = invokers.flat_map(|invoker| readers(cx, invoker).map(move |reader| (reader, &invoker.request)));
    readers
        .map(|(reader, request)| bound(cx, reader, request, &restrictive))
        .collect()
}

/// Who reads: whoever asks, and on whose behalf they do.
fn readers(cx: &QueryContext, invoker: &Invoker) -> impl Iterator<Item = Caller> + use<> {
    let other = invoker.request.on_behalf_of.as_deref().map(ObjectId::from_stored);
    let other = other.map(|id| Caller {
        name: cx.snapshot.user(&id).map(|user| user.name.clone()).unwrap_or_default(),
        user: id,
        key: None,
        extra_roles: Vec::new(),
        ..invoker.caller.clone()
    });
    std::iter::once(invoker.caller.clone()).chain(other)
}

/// Those of these filters that the reader may not bypass, as they bind the reader.
fn bound(
    cx: &QueryContext,
    reader: Caller,
    request: &RequestContext,
    filters: &[&ObjectId],
) -> Result<Other, PolicyError> {
    let mut closure = Closure::new(&cx.snapshot);
    closure.caller(&reader)?;
    closure.named_by(request)?;
    for filter in filters {
        closure.filter(filter)?;
    }
    let authorizer = Authorizer::new(&cx.policies, closure.entities())?;
    let bypasses = |filter: &ObjectId| {
        let question = lakegate_policy::Request {
            principal: reader.user.as_str(),
            action: Action::BypassFilter,
            resource: resource::uid("DataFilter", filter.as_str()),
            context: request,
        };
        authorizer.decide(&question).is_allowed()
    };
    let binding = filters.iter().filter(|filter| !bypasses(filter));
    let mut restrictive: Vec<String> = binding.map(ToString::to_string).collect();
    restrictive.sort();
    let asking = (&reader, request, authorizer.entities());
    let conditions = conditions::bound(cx, asking, restrictive.iter().map(String::as_str));
    Ok(Other {
        caller: reader,
        conditions,
        restrictive,
    })
}
