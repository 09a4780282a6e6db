//! How does one checked operation name, type and compute its result?

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, PrimitiveArray},
        compute::kernels::numeric::{add, div, mul, neg, sub},
        datatypes::{
            DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION,
            DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Field, FieldRef,
        },
        error::ArrowError,
    },
    common::{Result, ScalarValue, internal_err},
    logical_expr::{
        ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility,
        expr::ScalarFunction,
        sort_properties::{ExprProperties, SortProperties},
        type_coercion::binary::BinaryTypeCoercer,
    },
    physical_expr_common::datum::apply,
};

use super::quick;

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Operation {
    Add,
    Divide,
    Multiply,
    Negate,
    Subtract,
}

impl Operation {
    /// The checked form of an operator over two types, where the engine's own could give a value outside the type.
    pub(super) fn binary(operator: Operator, left: &DataType, right: &DataType) -> Option<Self> {
        let operation = match operator {
            Operator::Plus => Self::Add,
            Operator::Minus => Self::Subtract,
            Operator::Multiply => Self::Multiply,
            Operator::Divide => Self::Divide,
            _ => return None,
        };
        let result = BinaryTypeCoercer::new(left, &operator, right).get_result_type().ok()?;
        let checked = match &result {
            // The engine's division of integers is checked.
            integer if integer.is_integer() => operation != Self::Divide && left == right && left == &result,
            DataType::Decimal128(..) if operation != Self::Divide => is_decimal_128(left) && is_decimal_128(right),
            // A narrower result has room for all values.
            decimal => decimal.is_decimal() && left.is_decimal() && right.is_decimal() && is_widest(decimal),
        };
        checked.then_some(operation)
    }

    pub(super) fn call(self, args: Vec<Expr>) -> Expr {
        let function = Checked {
            operation: self,
            signature: Signature::any(args.len(), Volatility::Immutable),
        };
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), args))
    }

    fn operator(self) -> Operator {
        match self {
            Self::Add => Operator::Plus,
            Self::Divide => Operator::Divide,
            Self::Multiply => Operator::Multiply,
            Self::Negate | Self::Subtract => Operator::Minus,
        }
    }
}

fn is_decimal_128(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..))
}

fn is_widest(decimal: &DataType) -> bool {
    match decimal {
        DataType::Decimal32(precision, _) => *precision == DECIMAL32_MAX_PRECISION,
        DataType::Decimal64(precision, _) => *precision == DECIMAL64_MAX_PRECISION,
        DataType::Decimal128(precision, _) => *precision == DECIMAL128_MAX_PRECISION,
        DataType::Decimal256(precision, _) => *precision == DECIMAL256_MAX_PRECISION,
        _ => false,
    }
}

/// The operator behind a function, where it is one of these.
pub(crate) fn operator_of(function: &ScalarUDF) -> Option<Operator> {
    let checked = function.inner().downcast_ref::<Checked>()?;
    (checked.operation != Operation::Negate).then(|| checked.operation.operator())
}

/// The function behind an operator.
#[derive(Debug, Eq, Hash, PartialEq)]
struct Checked {
    operation: Operation,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.operation {
            Operation::Add => "checked_add",
            Operation::Divide => "checked_divide",
            Operation::Multiply => "checked_multiply",
            Operation::Negate => "checked_negate",
            Operation::Subtract => "checked_subtract",
        }
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        self.schema_name(args)
    }

    /// That of the operator, so that columns keep their names.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [inner] => Ok(format!("(- {})", inner.schema_name())),
            [left, right] => Ok(format!(
                "{} {} {}",
                left.schema_name(),
                self.operation.operator(),
                right.schema_name()
            )),
            _ => internal_err!("an operator has one or two operands"),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [inner] => Ok(inner.clone()),
            [left, right] => BinaryTypeCoercer::new(left, &self.operation.operator(), right).get_result_type(),
            _ => internal_err!("an operator has one or two operands"),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match (self.operation, args.args.as_slice()) {
            (Operation::Negate, [ColumnarValue::Array(array)]) => Ok(ColumnarValue::Array(neg(array)?)),
            (Operation::Negate, [ColumnarValue::Scalar(scalar)]) => {
                let negative = neg(&scalar.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&negative, 0)?))
            }
            (operation, [left, right]) => {
                if let Some(result) = quick::computed(operation, [left, right], args.return_type()) {
                    return result;
                }
                let result = match operation {
                    Operation::Add => apply(left, right, add),
                    Operation::Divide => apply(left, right, div),
                    Operation::Multiply => apply(left, right, mul),
                    Operation::Negate | Operation::Subtract => apply(left, right, sub),
                }?;
                within(result)
            }
            _ => internal_err!("an operator has one or two operands"),
        }
    }

    /// As that of the operators.
    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        Ok(match (self.operation, inputs) {
            (Operation::Negate, [inner]) => -inner.sort_properties,
            (Operation::Add, [left, right]) => left.sort_properties.add(&right.sort_properties),
            (Operation::Subtract, [left, right]) => left.sort_properties.sub(&right.sort_properties),
            _ => SortProperties::Unordered,
        })
    }
}

/// Decimals have room for more digits than their type allows.
fn within(value: ColumnarValue) -> Result<ColumnarValue> {
    if is_widest(&value.data_type()) {
        let array: ArrayRef = match &value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        if !fits(&array) {
            let text = "a decimal has more digits than its type".to_owned();
            return Err(ArrowError::ArithmeticOverflow(text).into());
        }
    }
    Ok(value)
}

fn fits(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Decimal32(..) => decimals_fit(array.as_primitive::<Decimal32Type>()),
        DataType::Decimal64(..) => decimals_fit(array.as_primitive::<Decimal64Type>()),
        DataType::Decimal128(..) => decimals_fit(array.as_primitive::<Decimal128Type>()),
        DataType::Decimal256(..) => decimals_fit(array.as_primitive::<Decimal256Type>()),
        _ => true,
    }
}

/// All values first, without a branch; what lies below a NULL is looked at apart only if one of them does not fit.
fn decimals_fit<T: DecimalType<Native: PartialOrd + std::ops::Neg<Output = T::Native>>>(
    array: &PrimitiveArray<T>,
) -> bool {
    let Some(largest) = T::MAX_FOR_EACH_PRECISION.get(usize::from(array.precision())).copied() else {
        return false;
    };
    let smallest = -largest;
    let outside = |value: &T::Native| (*value > largest) | (*value < smallest);
    let any = array.values().iter().fold(false, |found, value| found | outside(value));
    !any || array.iter().flatten().all(|value| !outside(&value))
}
