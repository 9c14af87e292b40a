// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm.Operands;

/// <summary>Finds the scaling of both operands from the call and the scale tensors.</summary>
internal static class RecipeResolver
{
    /// <summary>Blocks of 1x128 in A; in B 128x128, or 1x128 if the scales are packed.</summary>
    public static (OperandRecipe A, OperandRecipe B) Resolve(
        in GemmCall call,
        ScaledTensor a,
        ScaledTensor b,
        bool perRowB = false
    )
    {
        if (call.Recipe is { } both)
        {
            if (call.RecipeA is not null || call.RecipeB is not null)
                throw Errors.Argument(
                    nameof(GemmCall.Recipe),
                    "Recipe: give either Recipe or both RecipeA and RecipeB"
                );
            return Check(
                new OperandRecipe(both.GranM, both.GranK),
                new OperandRecipe(both.GranN, both.GranK)
            );
        }
        if ((call.RecipeA is null) != (call.RecipeB is null))
            throw Errors.Argument(
                call.RecipeA is null ? nameof(GemmCall.RecipeA) : nameof(GemmCall.RecipeB),
                "RecipeA, RecipeB: expected both or neither"
            );
        if (call.RecipeA is { } first && call.RecipeB is { } second)
            return Check(first, second);
        if (a.IsFp4 || b.IsFp4)
            return (
                new OperandRecipe(1, a.IsFp4 ? 32 : 128),
                new OperandRecipe(1, b.IsFp4 ? 32 : 128)
            );
        var rowsB = perRowB || b.Scales?.DType == DType.Int32 ? 1 : 128;
        return (new OperandRecipe(1, 128), new OperandRecipe(rowsB, 128));
    }

    private static (OperandRecipe A, OperandRecipe B) Check(OperandRecipe a, OperandRecipe b)
    {
        Check(a);
        Check(b);
        return (a, b);
    }

    private static void Check(OperandRecipe recipe)
    {
        if (recipe.GranMn < 1)
            throw Errors.Range(
                nameof(GemmCall.Recipe),
                $"Recipe: expected at least 1 row per scale, got {recipe.GranMn}"
            );
        if (recipe.GranK is not (32 or 64 or 128))
            throw Errors.Range(
                nameof(GemmCall.Recipe),
                $"Recipe: expected 32, 64 or 128 elements along K per scale, got {recipe.GranK}"
            );
    }
}
