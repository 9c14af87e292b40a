// SPDX-License-Identifier: MIT
// A library of the driver's name that is something else.
int something_else(void) {
    return 0;
}
