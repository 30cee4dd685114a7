"""Rows that name files, with a person and a date some steps away."""

from django.conf import settings
from django.db import models


class Employee(models.Model):
    """Somebody, with an account or without."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Payslip(models.Model):
    """``file`` is kept in whatever storage the project's default is."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE)
    file = models.FileField(upload_to="payslips/", blank=True, null=True, max_length=300)
    month = models.DateField()

    def __str__(self) -> str:
        return f"{self.employee} {self.month}"
