"""Finding where an image lies in a photograph of the same place that does not line up with it."""

from .affine import Affine
from .register import Registration, Relation, register, relation
from .steps import Step
from .views import Views

__all__ = ["Affine", "Registration", "Relation", "Step", "Views", "register", "relation"]
