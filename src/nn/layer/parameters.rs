//! Implements the parameter methods of [`super::LayerOps`] from a list of a layer's fields.

use crate::nn::{Matrix, Real};
use ndarray::{Array1, Array2, ArrayD, ArrayViewD, ArrayViewMutD};

/// A field of a layer that is an array of parameters.
pub(super) trait ParameterArray {
    /// Its elements without padding.
    fn values(&self) -> ArrayViewD<'_, Real>;
    fn values_mut(&mut self) -> ArrayViewMutD<'_, Real>;
    /// Its elements as stored in memory, with padding.
    fn padded_mut(&mut self) -> &mut [Real];
    /// Zeros with the same padding.
    fn zeros(&self) -> ArrayD<Real>;
}

impl ParameterArray for Matrix {
    fn values(&self) -> ArrayViewD<'_, Real> {
        self.view().into_dyn()
    }

    fn values_mut(&mut self) -> ArrayViewMutD<'_, Real> {
        self.view_mut().into_dyn()
    }

    fn padded_mut(&mut self) -> &mut [Real] {
        Self::padded_mut(self)
    }

    fn zeros(&self) -> ArrayD<Real> {
        Array2::zeros((self.rows(), self.stride())).into_dyn()
    }
}

impl ParameterArray for Array1<Real> {
    fn values(&self) -> ArrayViewD<'_, Real> {
        self.view().into_dyn()
    }

    fn values_mut(&mut self) -> ArrayViewMutD<'_, Real> {
        self.view_mut().into_dyn()
    }

    fn padded_mut(&mut self) -> &mut [Real] {
        self.as_slice_mut().expect("owned arrays are contiguous")
    }

    fn zeros(&self) -> ArrayD<Real> {
        Array1::zeros(self.raw_dim()).into_dyn()
    }
}

/// `parameters` and `parameters_mut` of [`super::LayerOps`]: names and fields in the order weights,
/// biases, statistics.
macro_rules! named_parameters {
    ($($name:expr => $field:ident),+) => {
        fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
            vec![$(($name, ParameterArray::values(&self.$field))),+]
        }

        fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
            vec![$(($name, ParameterArray::values_mut(&mut self.$field))),+]
        }
    };
}
pub(super) use named_parameters;

/// `visit_mut` and `zero_gradients` of [`super::LayerOps`]: fields and roles in the same order.
macro_rules! parameter_memory {
    ($($field:ident: $role:ident),+) => {
        fn visit_mut(&mut self, visit: &mut dyn FnMut(ParameterRole, &mut [Real])) {
            $(visit(ParameterRole::$role, ParameterArray::padded_mut(&mut self.$field));)+
        }

        fn zero_gradients(&self) -> LayerGradients {
            let mut gradients = LayerGradients::default();
            $(gradients.push(ParameterRole::$role, ParameterArray::zeros(&self.$field));)+
            gradients
        }
    };
}
pub(super) use parameter_memory;
