"""Who may look at runs and who may operate them, and the run that a request is about."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from migrations_tools.models import MigrationRun

VIEW, OPERATE = "migrations_tools.view_migrationrun", "migrations_tools.operate_migrationrun"


def may_operate(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(OPERATE))


def may_look(request: HttpRequest) -> bool:
    """Whoever operates runs sees them too."""
    return bool(request.user.has_perm(VIEW)) or may_operate(request)


def demand_operator(request: HttpRequest) -> None:
    """Raises PermissionDenied to all who may not start or stop runs."""
    if not may_operate(request):
        raise PermissionDenied


def run_for(request: HttpRequest, pk: int) -> MigrationRun:
    """Return the run. Raises PermissionDenied to whoever may not look, whether it exists or not, and Http404."""
    if not may_look(request):
        raise PermissionDenied
    return get_object_or_404(MigrationRun.objects.select_related("created_by", "owner"), pk=pk)
