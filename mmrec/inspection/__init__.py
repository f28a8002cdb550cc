"""Looking into what there is: a finished run, its users and models, and this installation."""

from mmrec.inspection.user import UserView, view_user

__all__ = ["UserView", "view_user"]
