// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;

namespace DeepInfra.Pond.Rows;

/// <summary>
/// Turns rows into objects: through the constructor whose parameters all match columns (records), else
/// through settable properties. Types of one value take the first column.
/// </summary>
internal sealed class RowDecoder<
    [DynamicallyAccessedMembers(
        DynamicallyAccessedMemberTypes.PublicProperties
            | DynamicallyAccessedMemberTypes.PublicConstructors
    )]
        T
>
{
    private readonly ConstructorInfo? _constructor;
    private readonly ParameterInfo[] _parameters = [];
    private readonly PropertyInfo[] _properties = [];

    public RowDecoder(PondSchema schema)
    {
        if (IsScalar(Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T)))
        {
            return;
        }

        _constructor = typeof(T)
            .GetConstructors()
            .Where(c => c.GetParameters().All(p => schema.IndexOf(p.Name ?? "") >= 0))
            .MaxBy(c => c.GetParameters().Length);
        if (_constructor is null && !typeof(T).IsValueType)
        {
            throw new PondSchemaException(
                $"Type {typeof(T).Name} has no constructor whose parameters are columns; columns: {schema}."
            );
        }

        _parameters = _constructor?.GetParameters() ?? [];
        _properties = typeof(T)
            .GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p =>
                p.SetMethod is { IsPublic: true }
                && schema.IndexOf(p.Name) >= 0
                && _parameters.All(a =>
                    !string.Equals(a.Name, p.Name, StringComparison.OrdinalIgnoreCase)
                )
            )
            .ToArray();
    }

    public T Read(PondRow row)
    {
        if (_constructor is null && _properties.Length == 0)
        {
            return (T)To(row[0], typeof(T), row.GetName(0))!;
        }

        var arguments = new object?[_parameters.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            var parameter = _parameters[i];
            arguments[i] = To(row[parameter.Name!], parameter.ParameterType, parameter.Name!);
        }

        // A boxed struct keeps its identity while properties are set.
        object result = _constructor is null ? default(T)! : _constructor.Invoke(arguments);
        foreach (var property in _properties)
        {
            property.SetValue(result, To(row[property.Name], property.PropertyType, property.Name));
        }

        return (T)result;
    }

    private static bool IsScalar(Type type) =>
        type.IsPrimitive
        || type.IsEnum
        || type.IsArray
        || type == typeof(string)
        || type == typeof(decimal)
        || type == typeof(object)
        || type == typeof(Guid)
        || type == typeof(DateTime)
        || type == typeof(DateTimeOffset)
        || type == typeof(DateOnly);

    private static object? To(object? value, Type type, string column)
    {
        var target = Nullable.GetUnderlyingType(type) ?? type;
        if (value is null)
        {
            return target.IsValueType && target == type
                ? throw new PondDataException(
                    $"Column '{column}' is NULL but {type.Name} cannot be null."
                )
                : null;
        }

        if (target.IsInstanceOfType(value))
        {
            return value;
        }

        try
        {
            if (target.IsEnum)
            {
                return value is string text
                    ? Enum.Parse(target, text, ignoreCase: true)
                    : Enum.ToObject(target, value);
            }

            if (target == typeof(Guid) && value is string guid)
            {
                return Guid.Parse(guid);
            }

            if (value is IConvertible && typeof(IConvertible).IsAssignableFrom(target))
            {
                return Convert.ChangeType(value, target, CultureInfo.InvariantCulture);
            }
        }
        catch (Exception e)
            when (e
                    is FormatException
                        or OverflowException
                        or InvalidCastException
                        or ArgumentException
            )
        {
            throw new PondDataException($"Column '{column}': {value} does not fit {type.Name}.", e);
        }

        throw new PondSchemaException(
            $"Column '{column}' holds {value.GetType().Name}, which does not convert to {type.Name}."
        );
    }
}
